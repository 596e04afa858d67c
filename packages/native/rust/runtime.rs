use std::{
    collections::HashMap,
    ffi::{CString, c_int},
    path::Path,
    ptr,
    sync::Mutex,
};

use napi_derive::napi;
use ort::{
    AsPointer,
    environment::Environment,
    sys::{GraphOptimizationLevel, OrtSession, OrtSessionOptions},
};

use crate::{
    exit,
    failure::{Failure, Result, check},
    lanes::{Lanes, NativeSession},
    tensor::Weights,
};

struct Open {
    library: String,
    /// Never dropped: ONNX Runtime lives as long as the process.
    environment: &'static Environment,
}

static OPEN: Mutex<Option<Open>> = Mutex::new(None);

/// Opens ONNX Runtime at a path, once per process; the same path may be opened again. Returns its description.
pub fn open(library: &str) -> Result<String> {
    let library = match Path::new(library).canonicalize() {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(error) => return Err(Failure::library(format!("{library}: {error}"))),
    };
    let mut open = OPEN.lock().unwrap();
    match &*open {
        Some(first) if first.library == library => {}
        Some(first) => {
            return Err(Failure::library(format!("{} is open, and a process has one ONNX Runtime", first.library)));
        }
        None => {
            let builder = ort::init_from(&library).map_err(|error| Failure::library(error.to_string()))?;
            let environment = builder.with_name("millrace-native").build();
            let environment = environment.map_err(|error| Failure::library(error.to_string()))?;
            exit::register();
            *open = Some(Open { library, environment: Box::leak(Box::new(environment)) });
        }
    }
    Ok(ort::info().to_owned())
}

fn environment() -> Result<&'static Environment> {
    let open = OPEN.lock().unwrap();
    open.as_ref().map(|open| open.environment).ok_or_else(|| Failure::library("no ONNX Runtime is open"))
}

/// Only what is fatal is logged: errors are thrown with their whole text.
const QUIET: c_int = 4;

/// What a session is made of: a file, or the bytes of one.
pub enum Model {
    Path(String),
    Bytes(Vec<u8>),
}

/// How a session is made. What the names of options stand for is for `options.ts` to say.
#[napi(object)]
pub struct SessionPlan {
    /// Number of the GPU; none for the processor.
    pub gpu: Option<i32>,
    pub lanes: u32,
    pub threads: i32,
    /// ONNX Runtime's number for how far it may change the graph.
    pub optimization: u32,
    pub entries: HashMap<String, String>,
    /// Of the CUDA provider.
    pub cuda: HashMap<String, String>,
}

struct Options(*mut OrtSessionOptions);

impl Drop for Options {
    fn drop(&mut self) {
        unsafe { (ort::api().ReleaseSessionOptions)(self.0) }
    }
}

/// CUDA sessions that are made at the same time have crashed processes: one after another.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Blocks while the model is loaded and optimised.
pub fn load((model, weights): (&Model, &[Weights]), plan: &SessionPlan, lanes: &Lanes) -> Result<NativeSession> {
    let environment = environment()?.ptr();
    let _turn = plan.gpu.map(|_| ONE_AT_A_TIME.lock().unwrap_or_else(|poison| poison.into_inner()));
    let options = session_options(plan)?;
    if !weights.is_empty() {
        add_weights(&options, weights)?;
    }
    let mut session: *mut OrtSession = ptr::null_mut();
    let api = ort::api();
    let path = match model {
        Model::Path(path) => c_string(path)?,
        Model::Bytes(_) => CString::default(),
    };
    lanes.load(options.0, || {
        check(match model {
            Model::Path(_) => unsafe { (api.CreateSession)(environment, path.as_ptr(), options.0, &mut session) },
            Model::Bytes(bytes) => unsafe {
                let (data, length) = (bytes.as_ptr().cast(), bytes.len());
                (api.CreateSessionFromArray)(environment, data, length, options.0, &mut session)
            },
        })
    })?;
    Ok(NativeSession(session))
}

fn add_weights(options: &Options, weights: &[Weights]) -> Result<()> {
    let names: Vec<_> = weights.iter().map(|file| file.name.as_ptr()).collect();
    let data: Vec<_> = weights.iter().map(|file| file.data).collect();
    let bytes: Vec<_> = weights.iter().map(|file| file.bytes).collect();
    let add = ort::api().AddExternalInitializersFromMemory;
    check(unsafe { add(options.0, names.as_ptr(), data.as_ptr(), bytes.as_ptr(), weights.len()) })
}

fn session_options(plan: &SessionPlan) -> Result<Options> {
    let api = ort::api();
    let mut raw = ptr::null_mut();
    check(unsafe { (api.CreateSessionOptions)(&mut raw) })?;
    let options = Options(raw);
    let optimization = match plan.optimization {
        0 => GraphOptimizationLevel::ORT_DISABLE_ALL,
        1 => GraphOptimizationLevel::ORT_ENABLE_BASIC,
        2 => GraphOptimizationLevel::ORT_ENABLE_EXTENDED,
        _ => GraphOptimizationLevel::ORT_ENABLE_ALL,
    };
    unsafe {
        check((api.SetSessionGraphOptimizationLevel)(raw, optimization))?;
        check((api.SetIntraOpNumThreads)(raw, plan.threads))?;
        check((api.SetInterOpNumThreads)(raw, 1))?;
        check((api.SetSessionLogSeverityLevel)(raw, QUIET))?;
    }
    for (key, value) in &plan.entries {
        let (key, value) = (c_string(key)?, c_string(value)?);
        check(unsafe { (api.AddSessionConfigEntry)(raw, key.as_ptr(), value.as_ptr()) })?;
    }
    if plan.gpu.is_some() {
        append_cuda(raw, &plan.cuda)?;
    }
    Ok(options)
}

fn append_cuda(options: *mut OrtSessionOptions, settings: &HashMap<String, String>) -> Result<()> {
    let api = ort::api();
    let keys = settings.keys().map(|key| c_string(key)).collect::<Result<Vec<_>>>()?;
    let values = settings.values().map(|value| c_string(value)).collect::<Result<Vec<_>>>()?;
    let pointers = |all: &[CString]| all.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
    let mut cuda = ptr::null_mut();
    check(unsafe { (api.CreateCUDAProviderOptions)(&mut cuda) })?;
    let (keys, values) = (pointers(&keys), pointers(&values));
    let appended = check(unsafe { (api.UpdateCUDAProviderOptions)(cuda, keys.as_ptr(), values.as_ptr(), keys.len()) })
        .and_then(|()| check(unsafe { (api.SessionOptionsAppendExecutionProvider_CUDA_V2)(options, cuda) }));
    unsafe { (api.ReleaseCUDAProviderOptions)(cuda) };
    appended
}

pub fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Failure::invalid(format!("a NUL in {text:?}")))
}
