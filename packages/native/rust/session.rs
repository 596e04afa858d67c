use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_char},
    ptr,
    sync::{Arc, mpsc},
};

use napi::{
    Env,
    bindgen_prelude::{Either, Object, Uint8Array},
};
use napi_derive::napi;
use ort::{
    AsPointer,
    session::RunOptions,
    sys::{OrtAllocator, OrtSession, OrtStatusPtr, OrtValue},
};

use crate::{
    buffer::NativeBuffer,
    delivery::{Promise, promised},
    exit,
    failure::{Failure, Result, check},
    lanes::{Lanes, NativeSession},
    memory::{Place, Use},
    runtime::{self, Model, SessionPlan, c_string},
    tensor::{RawTensor, Value, Weights},
};

/// The addon's own.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Opens the ONNX Runtime library at a path for this process and returns its description.
#[napi]
pub fn open_runtime(library: String) -> napi::Result<String, String> {
    Ok(runtime::open(&library)?)
}

/// A model, loaded, and the threads that run it.
#[napi]
pub struct NativeModel {
    lanes: Arc<Lanes>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    place: Place,
}

/// A file that a graph takes weights from, by the name the graph has for it.
#[napi(object)]
pub struct RawWeights {
    pub name: String,
    pub data: Uint8Array,
}

/// Loads a model on a thread of its own. The weights are not copied: they must stay as they are until the promise is settled.
#[napi(ts_return_type = "Promise<NativeModel>")]
pub fn create_model(
    env: &Env,
    model: Either<Uint8Array, String>,
    plan: SessionPlan,
    weights: Vec<RawWeights>,
) -> napi::Result<Object<'_>, String> {
    let model = match model {
        Either::A(bytes) => Model::Bytes(bytes.to_vec()),
        Either::B(path) => Model::Path(path),
    };
    let borrowed = |RawWeights { name, data }: &RawWeights| {
        Ok(Weights { name: c_string(name)?, data: data.as_ptr().cast_mut().cast(), bytes: data.len() })
    };
    let weights = weights.iter().map(borrowed).collect::<Result<Vec<_>>>()?;
    let (hand_over, taken) = mpsc::channel::<Promise<NativeModel>>();
    let lanes = Lanes::start(move |lanes| {
        let made = runtime::load((&model, &weights), &plan, lanes)
            .and_then(|session| NativeModel::over(lanes.clone(), session, &plan));
        if made.is_err() {
            lanes.close();
        }
        if let Ok(promise) = taken.recv() {
            promise.settle(made);
        }
    })?;
    let watched = exit::watch(env, &lanes).map_err(napi::Error::from);
    watched.and_then(|()| promised(env, |promise| _ = hand_over.send(promise))).inspect_err(|_| {
        // Nobody may read the weights once this has returned.
        drop(hand_over);
        lanes.close();
        lanes.wait();
    })
}

#[napi]
impl NativeModel {
    fn over(lanes: Arc<Lanes>, session: NativeSession, plan: &SessionPlan) -> Result<Self> {
        let api = ort::api();
        let inputs = names(&session, api.SessionGetInputCount, api.SessionGetInputName)?;
        let outputs = names(&session, api.SessionGetOutputCount, api.SessionGetOutputName)?;
        lanes.open(Arc::new(session), plan.lanes as usize)?;
        Ok(Self { lanes, inputs, outputs, place: plan.gpu.map_or(Place::Cpu, Place::Cuda) })
    }

    /// ONNX Runtime finds out only in a kernel that an input is missing.
    fn require_inputs(&self, is_given: impl Fn(&String) -> bool) -> Result<()> {
        match self.inputs.iter().find(|name| !is_given(name)) {
            Some(missing) => Err(Failure::invalid(format!("the input \"{missing}\" is missing"))),
            None => Ok(()),
        }
    }

    #[napi(getter)]
    pub fn input_names(&self) -> Vec<String> {
        self.inputs.clone()
    }

    #[napi(getter)]
    pub fn output_names(&self) -> Vec<String> {
        self.outputs.clone()
    }

    /// Copies the inputs and queues a run. The ticket is what `cancel` takes. Gives the outputs in the order they are named.
    #[napi(ts_return_type = "Promise<RawTensor[]>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        ticket: u32,
        names: Vec<String>,
        tensors: Vec<RawTensor>,
        outputs: Vec<String>,
    ) -> napi::Result<Object<'env>, String> {
        self.require_inputs(|input| names.contains(input))?;
        let values = tensors.iter().map(Value::copied).collect::<Result<Vec<_>>>()?;
        let (names, outputs) = (texts(&names)?, texts(&outputs)?);
        promised(env, |promise| {
            self.lanes.submit(Some(ticket), promise, move |session, options| {
                let results = run(session, options, (&names, &values), &outputs)?;
                results.iter().map(Value::to_tensor).collect::<Result<Vec<_>>>()
            })
        })
    }

    /// Runs with buffers as inputs and outputs; one buffer may be both.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn run_bound<'env>(
        &self,
        env: &'env Env,
        ticket: u32,
        inputs: HashMap<String, &NativeBuffer>,
        outputs: HashMap<String, &NativeBuffer>,
    ) -> napi::Result<Object<'env>, String> {
        self.require_inputs(|input| inputs.contains_key(input))?;
        let (inputs, outputs) = (bound(inputs)?, bound(outputs)?);
        promised(env, |promise| {
            self.lanes
                .submit(Some(ticket), promise, move |session, options| run_bound(session, options, &inputs, &outputs))
        })
    }

    #[napi]
    pub fn cancel(&self, ticket: u32) {
        self.lanes.cancel(ticket);
    }

    /// A buffer of zeros on the session's device, or in the processor's memory.
    #[napi]
    pub fn create_buffer(&self, format: u32, dims: Vec<i64>, is_on_cpu: bool) -> napi::Result<NativeBuffer, String> {
        let place = if is_on_cpu { Place::Cpu } else { self.place };
        Ok(NativeBuffer::create(self.lanes.clone(), place, format, &dims)?)
    }

    /// Ends the runs under way, refuses those that wait, and frees buffers, weights and threads; resolves when that is done.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>, String> {
        promised(env, |promise| self.lanes.close_for(promise))
    }
}

impl Drop for NativeModel {
    fn drop(&mut self) {
        self.lanes.drain();
    }
}

fn run(
    session: &NativeSession,
    options: &RunOptions,
    (names, values): (&[CString], &[Value]),
    outputs: &[CString],
) -> Result<Vec<Value>> {
    let values: Vec<_> = values.iter().map(|value| value.raw.cast_const()).collect();
    let (names, wanted) = (pointers(names), pointers(outputs));
    let mut results: Vec<*mut OrtValue> = vec![ptr::null_mut(); wanted.len()];
    let (inputs, targets) = (values.as_ptr(), results.as_mut_ptr());
    let (run, count) = (ort::api().Run, names.len().min(values.len()));
    let status =
        unsafe { run(session.0, options.ptr(), names.as_ptr(), inputs, count, wanted.as_ptr(), wanted.len(), targets) };
    let results = results.into_iter().map(Value::from_raw).collect();
    check(status).map(|()| results)
}

/// A name, a buffer's value, and its use, which ends with the run.
type Bound = (CString, (Use, Arc<Value>));

fn bound(buffers: HashMap<String, &NativeBuffer>) -> Result<Vec<Bound>> {
    buffers.into_iter().map(|(name, buffer)| Ok((c_string(&name)?, buffer.begin()?))).collect()
}

/// The binding is made anew for each run: binding is when ONNX Runtime reads inputs that lie elsewhere than the session.
fn run_bound(session: &NativeSession, options: &RunOptions, inputs: &[Bound], outputs: &[Bound]) -> Result<()> {
    let api = ort::api();
    let mut binding = ptr::null_mut();
    check(unsafe { (api.CreateIoBinding)(session.0, &mut binding) })?;
    let bind = |all: &[Bound], bind: unsafe extern "system" fn(_, _, _) -> OrtStatusPtr| {
        let mut each = all.iter();
        each.try_for_each(|(name, (_, value))| check(unsafe { bind(binding, name.as_ptr(), value.raw.cast_const()) }))
    };
    let done = bind(inputs, api.BindInput)
        .and_then(|()| bind(outputs, api.BindOutput))
        .and_then(|()| check(unsafe { (api.RunWithBinding)(session.0, options.ptr(), binding) }));
    unsafe { (api.ReleaseIoBinding)(binding) };
    done
}

fn texts(names: &[String]) -> Result<Vec<CString>> {
    names.iter().map(|name| c_string(name)).collect()
}

fn pointers(names: &[CString]) -> Vec<*const c_char> {
    names.iter().map(|name| name.as_ptr()).collect()
}

type CountOf = unsafe extern "system" fn(*const OrtSession, *mut usize) -> OrtStatusPtr;
type NameOf = unsafe extern "system" fn(*const OrtSession, usize, *mut OrtAllocator, *mut *mut c_char) -> OrtStatusPtr;

fn names(session: &NativeSession, count: CountOf, name: NameOf) -> Result<Vec<String>> {
    let (mut allocator, mut total) = (ptr::null_mut(), 0);
    check(unsafe { (ort::api().GetAllocatorWithDefaultOptions)(&mut allocator) })?;
    check(unsafe { count(session.0, &mut total) })?;
    let one = |index| {
        let mut text = ptr::null_mut();
        check(unsafe { name(session.0, index, allocator, &mut text) })?;
        let owned = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        check(unsafe { (ort::api().AllocatorFree)(allocator, text.cast()) })?;
        Ok(owned)
    };
    (0..total).map(one).collect()
}
