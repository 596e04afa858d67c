use std::ffi::CStr;

use ort::sys::{OrtErrorCode, OrtStatusPtr};

pub type Result<T> = std::result::Result<T, Failure>;

/// What went wrong: a stable code, and the whole text. In JavaScript an `Error` with `code` and `message`.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: &'static str,
    pub text: String,
}

impl Failure {
    /// The caller's mistake, found before ONNX Runtime was asked.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self { code: "NATIVE_INVALID_ARGUMENT", text: text.into() }
    }

    pub fn closed(what: &str) -> Self {
        Self { code: "NATIVE_CLOSED", text: format!("the {what} is closed") }
    }

    pub fn busy(what: &str) -> Self {
        Self { code: "NATIVE_BUSY", text: format!("the {what} is in use by a run or a copy") }
    }

    pub fn cancelled(text: impl Into<String>) -> Self {
        Self { code: "NATIVE_CANCELLED", text: text.into() }
    }

    pub fn library(text: impl Into<String>) -> Self {
        Self { code: "NATIVE_LIBRARY", text: text.into() }
    }
}

impl From<Failure> for napi::Error<String> {
    fn from(Failure { code, text }: Failure) -> Self {
        napi::Error::new(code.to_owned(), text)
    }
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self { code: "NATIVE_NODE", text: format!("{}: {}", error.status, error.reason) }
    }
}

/// Turns a status of ONNX Runtime into its code and whole text, and frees it.
pub fn check(OrtStatusPtr(status): OrtStatusPtr) -> Result<()> {
    if status.is_null() {
        return Ok(());
    }
    let api = ort::api();
    // SAFETY: a status that is not null is owned by the caller and valid until it is released.
    unsafe {
        let code = code_name((api.GetErrorCode)(status));
        let text = CStr::from_ptr((api.GetErrorMessage)(status)).to_string_lossy().into_owned();
        (api.ReleaseStatus)(status);
        Err(Failure { code, text })
    }
}

fn code_name(code: OrtErrorCode) -> &'static str {
    match code {
        OrtErrorCode::ORT_INVALID_ARGUMENT => "ORT_INVALID_ARGUMENT",
        OrtErrorCode::ORT_NO_SUCHFILE => "ORT_NO_SUCHFILE",
        OrtErrorCode::ORT_NO_MODEL => "ORT_NO_MODEL",
        OrtErrorCode::ORT_ENGINE_ERROR => "ORT_ENGINE_ERROR",
        OrtErrorCode::ORT_RUNTIME_EXCEPTION => "ORT_RUNTIME_EXCEPTION",
        OrtErrorCode::ORT_INVALID_PROTOBUF => "ORT_INVALID_PROTOBUF",
        OrtErrorCode::ORT_NOT_IMPLEMENTED => "ORT_NOT_IMPLEMENTED",
        OrtErrorCode::ORT_INVALID_GRAPH => "ORT_INVALID_GRAPH",
        OrtErrorCode::ORT_EP_FAIL => "ORT_EP_FAIL",
        OrtErrorCode::ORT_MODEL_LOAD_CANCELED => "ORT_MODEL_LOAD_CANCELED",
        OrtErrorCode::ORT_NOT_FOUND => "ORT_NOT_FOUND",
        _ => "ORT_FAIL",
    }
}
