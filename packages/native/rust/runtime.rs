use std::{
    ffi::{CString, c_int},
    path::Path,
    ptr,
    sync::Mutex,
};

use ort::{
    AsPointer,
    environment::Environment,
    sys::{GraphOptimizationLevel, OrtSession, OrtSessionOptions},
};

use crate::{
    exit,
    failure::{Failure, Result, check},
    lanes::NativeSession,
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
pub const QUIET: c_int = 4;

/// What a session is made of: a file, or the bytes of one.
pub enum Model {
    Path(String),
    Bytes(Vec<u8>),
}

/// How a session is made, checked.
pub struct Plan {
    pub optimization: GraphOptimizationLevel,
    pub threads: c_int,
    pub entries: Vec<(String, String)>,
    /// Options of the CUDA provider; None for the processor.
    pub cuda: Option<Vec<(String, String)>>,
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
pub fn load(model: &Model, plan: &Plan) -> Result<NativeSession> {
    let environment = environment()?.ptr();
    let options = session_options(plan)?;
    let _turn = plan.cuda.as_ref().map(|_| ONE_AT_A_TIME.lock().unwrap_or_else(|poison| poison.into_inner()));
    let mut session: *mut OrtSession = ptr::null_mut();
    let api = ort::api();
    let path = match model {
        Model::Path(path) => c_string(path)?,
        Model::Bytes(_) => CString::default(),
    };
    check(exit::while_loading(options.0, || unsafe {
        match model {
            Model::Path(_) => (api.CreateSession)(environment, path.as_ptr(), options.0, &mut session),
            Model::Bytes(bytes) => {
                (api.CreateSessionFromArray)(environment, bytes.as_ptr().cast(), bytes.len(), options.0, &mut session)
            }
        }
    }))?;
    Ok(NativeSession(session))
}

fn session_options(plan: &Plan) -> Result<Options> {
    let api = ort::api();
    let mut raw = ptr::null_mut();
    check(unsafe { (api.CreateSessionOptions)(&mut raw) })?;
    let options = Options(raw);
    unsafe {
        check((api.SetSessionGraphOptimizationLevel)(raw, plan.optimization))?;
        check((api.SetIntraOpNumThreads)(raw, plan.threads))?;
        check((api.SetInterOpNumThreads)(raw, 1))?;
        check((api.SetSessionLogSeverityLevel)(raw, QUIET))?;
    }
    for (key, value) in &plan.entries {
        let (key, value) = (c_string(key)?, c_string(value)?);
        check(unsafe { (api.AddSessionConfigEntry)(raw, key.as_ptr(), value.as_ptr()) })?;
    }
    if let Some(cuda) = &plan.cuda {
        append_cuda(raw, cuda)?;
    }
    Ok(options)
}

fn append_cuda(options: *mut OrtSessionOptions, settings: &[(String, String)]) -> Result<()> {
    let api = ort::api();
    let keys = settings.iter().map(|(key, _)| c_string(key)).collect::<Result<Vec<_>>>()?;
    let values = settings.iter().map(|(_, value)| c_string(value)).collect::<Result<Vec<_>>>()?;
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
