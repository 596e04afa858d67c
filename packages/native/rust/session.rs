use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    ptr,
    sync::Arc,
    thread,
};

use napi::{
    Env, Unknown,
    bindgen_prelude::{Either, ToNapiValue, Uint8Array},
    sys,
};
use napi_derive::napi;
use ort::sys::{GraphOptimizationLevel, OrtStatusPtr, OrtValue};

use crate::{
    buffer::{Buffer, NativeBuffer},
    delivery::{Outcome, promised},
    exit,
    failure::{Failure, Result, check},
    lanes::{Lanes, NativeSession, RunOptions},
    memory::{Kind, Place},
    node,
    runtime::{self, Model, Plan, c_string},
    tensor::{Format, Value},
};

/// Opens the ONNX Runtime library at a path for this process and returns its description.
#[napi]
pub fn open_runtime(library: String) -> napi::Result<String, String> {
    Ok(runtime::open(&library)?)
}

#[napi(object)]
pub struct SessionOptions {
    /// `cpu` (the default) or `cuda:N`.
    pub device: Option<String>,
    /// Runs at the same time on one copy of the weights; one on CUDA, whatever is asked for.
    pub lanes: Option<u32>,
    /// Threads that share one run. 1 by default.
    pub threads: Option<u32>,
    /// `none`, `basic` (the default), `extended` or `all`.
    pub optimization: Option<String>,
    /// CUDA: bytes the session's arena may take.
    pub memory_limit: Option<f64>,
    /// CUDA: lets 32-bit products use TF32.
    pub tf32: Option<bool>,
    /// CUDA: captures the first bound run as a graph and replays it.
    pub cuda_graph: Option<bool>,
    /// Session configuration entries, passed on as they are.
    pub entries: Option<HashMap<String, String>>,
}

/// A model, loaded, and the threads that run it.
#[napi]
pub struct NativeModel {
    lanes: Arc<Lanes>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    place: Place,
}

/// Loads a model on a thread of its own.
#[napi(ts_return_type = "Promise<NativeModel>")]
pub fn create_model<'env>(
    env: Env,
    model: Either<Uint8Array, String>,
    options: SessionOptions,
) -> napi::Result<Unknown<'env>, String> {
    let model = match model {
        Either::A(bytes) => Model::Bytes(bytes.to_vec()),
        Either::B(path) => Model::Path(path),
    };
    let (plan, place, lanes) = planned(options)?;
    promised(env, |promise| {
        let key = env.raw() as usize;
        let load =
            move || match runtime::load(&model, &plan).and_then(|session| NativeModel::start(session, place, lanes)) {
                Ok(made) => {
                    exit::watch(key, &made.lanes);
                    promise.settle(Box::new(move |env| {
                        let instance = unsafe { ToNapiValue::to_napi_value(env, made) };
                        Ok(instance?)
                    }));
                }
                Err(failure) => promise.reject(failure),
            };
        thread::Builder::new()
            .name("ort-load".into())
            .stack_size(8 << 20)
            .spawn(|| exit::while_making(load))
            .map(|_| ())
            .map_err(no_thread)
    })
}

fn no_thread(error: std::io::Error) -> Failure {
    Failure::library(format!("a thread cannot be started: {error}"))
}

fn planned(options: SessionOptions) -> Result<(Plan, Place, usize)> {
    let place = place(options.device.as_deref().unwrap_or("cpu"))?;
    let optimization = match options.optimization.as_deref().unwrap_or("basic") {
        "none" => GraphOptimizationLevel::ORT_DISABLE_ALL,
        "basic" => GraphOptimizationLevel::ORT_ENABLE_BASIC,
        "extended" => GraphOptimizationLevel::ORT_ENABLE_EXTENDED,
        "all" => GraphOptimizationLevel::ORT_ENABLE_ALL,
        other => return Err(Failure::invalid(format!("there is no optimization \"{other}\""))),
    };
    let bounded = |name: &str, count: Option<u32>| match count.unwrap_or(1) {
        count @ 1..=1024 => Ok(count),
        count => Err(Failure::invalid(format!("{name} must be 1 to 1024, not {count}"))),
    };
    let threads = bounded("threads", options.threads)? as i32;
    let lanes = bounded("lanes", options.lanes)? as usize;
    let entries = options.entries.unwrap_or_default().into_iter().collect();
    let mut settings = Vec::new();
    let mut add = |key: &str, value: Option<String>| settings.extend(value.map(|value| (key.to_owned(), value)));
    add("gpu_mem_limit", options.memory_limit.map(|bytes| format!("{bytes:.0}")));
    add("use_tf32", options.tf32.map(|on| u8::from(on).to_string()));
    add("enable_cuda_graph", options.cuda_graph.map(|on| u8::from(on).to_string()));
    let cuda = match place {
        Place::Cpu if settings.is_empty() => None,
        Place::Cpu => return Err(Failure::invalid("memoryLimit, tf32 and cudaGraph are for a CUDA device")),
        Place::Cuda(device) => {
            settings.push(("device_id".into(), device.to_string()));
            Some(settings)
        }
    };
    let lanes = if cuda.is_some() { 1 } else { lanes };
    Ok((Plan { optimization, threads, entries, cuda }, place, lanes))
}

fn place(device: &str) -> Result<Place> {
    match device.strip_prefix("cuda:").map(str::parse) {
        Some(Ok(number @ 0..=1023)) => Ok(Place::Cuda(number)),
        None if device == "cpu" => Ok(Place::Cpu),
        _ => Err(Failure::invalid(format!("a device is cpu or cuda:N, not \"{device}\""))),
    }
}

#[napi]
impl NativeModel {
    fn start(session: NativeSession, place: Place, lanes: usize) -> Result<Self> {
        let api = ort::api();
        let inputs = names(&session, api.SessionGetInputCount, api.SessionGetInputName)?;
        let outputs = names(&session, api.SessionGetOutputCount, api.SessionGetOutputName)?;
        Ok(Self { lanes: Lanes::start(Arc::new(session), lanes)?, inputs, outputs, place })
    }

    /// ONNX Runtime finds out only in a kernel that an input is missing.
    fn require_inputs(&self, is_given: impl Fn(&str) -> bool) -> Result<()> {
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

    /// Copies the inputs and queues a run. The ticket is what `cancel` takes.
    #[napi(
        ts_return_type = "Promise<Record<string, Tensor>>",
        ts_args_type = "ticket: number, names: string[], tensors: Tensor[], outputs?: string[]"
    )]
    pub fn run<'env>(
        &self,
        env: Env,
        ticket: u32,
        names: Vec<String>,
        tensors: Vec<Unknown>,
        outputs: Option<Vec<String>>,
    ) -> napi::Result<Unknown<'env>, String> {
        if names.len() != tensors.len() {
            return Err(Failure::invalid("as many names as tensors are needed").into());
        }
        self.require_inputs(|input| names.iter().any(|name| name == input))?;
        let inputs = texts(&names)?;
        let values = tensors.iter().map(Value::copied).collect::<Result<Vec<_>>>()?;
        let wanted = outputs.unwrap_or_else(|| self.outputs.clone());
        let outputs = texts(&wanted)?;
        promised(env, |promise| {
            let work = move |session: &NativeSession, options: &RunOptions| {
                let results = run(session, options, (&inputs, &values), &outputs)?;
                Ok(Box::new(move |env| tensors_to_js(env, &wanted, &results)) as Outcome)
            };
            self.lanes.submit(Some(ticket), Box::new(work), promise)
        })
    }

    /// Runs with buffers as inputs and outputs; one buffer may be both.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn run_bound<'env>(
        &self,
        env: Env,
        ticket: u32,
        inputs: HashMap<String, &NativeBuffer>,
        outputs: HashMap<String, &NativeBuffer>,
    ) -> napi::Result<Unknown<'env>, String> {
        self.require_inputs(|input| inputs.contains_key(input))?;
        let (inputs, outputs) = (bound(inputs)?, bound(outputs)?);
        let buffers = inputs.iter().chain(&outputs);
        let uses = buffers.map(|(_, buffer)| buffer.begin(Kind::Run)).collect::<Result<Vec<_>>>()?;
        promised(env, |promise| {
            let work = move |session: &NativeSession, options: &RunOptions| {
                run_bound(session, options, &inputs, &outputs)?;
                drop(uses);
                Ok(Box::new(node::undefined) as Outcome)
            };
            self.lanes.submit(Some(ticket), Box::new(work), promise)
        })
    }

    #[napi]
    pub fn cancel(&self, ticket: u32) {
        self.lanes.cancel(ticket);
    }

    /// A buffer of zeros on the session's device, or in the processor's memory.
    #[napi]
    pub fn create_buffer(
        &self,
        kind: String,
        dims: Vec<f64>,
        device: Option<String>,
    ) -> napi::Result<NativeBuffer, String> {
        let place = device.map_or(Ok(self.place), |device| place(&device))?;
        Ok(NativeBuffer::create(self.lanes.clone(), place, Format::named(&kind)?, &dims)?)
    }

    /// Ends the runs under way, refuses those that wait, and frees buffers, weights and threads; resolves when that is done.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: Env) -> napi::Result<Unknown<'env>, String> {
        promised(env, |promise| {
            self.lanes.close();
            self.lanes.at_end(Box::new(move || promise.settle(Box::new(node::undefined))));
            Ok(())
        })
    }
}

impl Drop for NativeModel {
    fn drop(&mut self) {
        self.lanes.drain();
    }
}

type Names<'a> = (&'a [CString], &'a [Value]);

fn run(
    session: &NativeSession,
    options: &RunOptions,
    (names, values): Names,
    outputs: &[CString],
) -> Result<Vec<Value>> {
    let names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let values: Vec<_> = values.iter().map(|value| value.raw.cast_const()).collect();
    let wanted: Vec<_> = outputs.iter().map(|name| name.as_ptr()).collect();
    let mut results: Vec<*mut OrtValue> = vec![ptr::null_mut(); wanted.len()];
    let status = unsafe {
        let (inputs, targets) = (values.as_ptr(), results.as_mut_ptr());
        (ort::api().Run)(
            session.0,
            options.0,
            names.as_ptr(),
            inputs,
            values.len(),
            wanted.as_ptr(),
            wanted.len(),
            targets,
        )
    };
    let results = results.into_iter().map(Value::from_raw).collect();
    check(status).map(|()| results)
}

fn tensors_to_js(env: sys::napi_env, names: &[String], values: &[Value]) -> Result<sys::napi_value> {
    let object = node::object(env)?;
    for (name, value) in names.iter().zip(values) {
        node::set(env, object, name, value.to_js(env)?)?;
    }
    Ok(object)
}

type Bound = (CString, Arc<Buffer>);

fn bound(buffers: HashMap<String, &NativeBuffer>) -> Result<Vec<Bound>> {
    buffers.into_iter().map(|(name, native)| Ok((c_string(&name)?, native.buffer.clone()))).collect()
}

/// The binding is made anew for each run: binding is when ONNX Runtime reads inputs that lie elsewhere than the session.
fn run_bound(session: &NativeSession, options: &RunOptions, inputs: &[Bound], outputs: &[Bound]) -> Result<()> {
    let api = ort::api();
    let mut binding = ptr::null_mut();
    check(unsafe { (api.CreateIoBinding)(session.0, &mut binding) })?;
    let bind = |all: &[Bound], bind: unsafe extern "system" fn(_, _, _) -> OrtStatusPtr| {
        let mut each = all.iter();
        each.try_for_each(|(name, buffer)| {
            check(unsafe { bind(binding, name.as_ptr(), buffer.value.raw.cast_const()) })
        })
    };
    let done = bind(inputs, api.BindInput)
        .and_then(|()| bind(outputs, api.BindOutput))
        .and_then(|()| check(unsafe { (api.RunWithBinding)(session.0, options.0, binding) }));
    unsafe { (api.ReleaseIoBinding)(binding) };
    done
}

fn texts(names: &[String]) -> Result<Vec<CString>> {
    names.iter().map(|name| c_string(name)).collect()
}

fn names(
    session: &NativeSession,
    count: unsafe extern "system" fn(*const ort::sys::OrtSession, *mut usize) -> OrtStatusPtr,
    name: unsafe extern "system" fn(
        *const ort::sys::OrtSession,
        usize,
        *mut ort::sys::OrtAllocator,
        *mut *mut std::ffi::c_char,
    ) -> OrtStatusPtr,
) -> Result<Vec<String>> {
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
