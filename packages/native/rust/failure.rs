use std::ffi::CStr;

use napi::{Env, JsError};
use ort::sys::OrtStatusPtr;

pub type Result<T> = std::result::Result<T, Failure>;

/// What went wrong: a stable code, and the whole text. In JavaScript an `Error` with `code` and `message`.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: String,
    pub text: String,
}

impl Failure {
    pub fn of(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }

    /// The caller's mistake, found before ONNX Runtime was asked.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::of("NATIVE_INVALID_ARGUMENT", text)
    }

    pub fn closed(what: &str) -> Self {
        Self::of("NATIVE_CLOSED", format!("the {what} is closed"))
    }

    pub fn busy(what: &str) -> Self {
        Self::of("NATIVE_BUSY", format!("the {what} is in use by a run or a copy"))
    }

    pub fn cancelled(text: impl Into<String>) -> Self {
        Self::of("NATIVE_CANCELLED", text)
    }

    pub fn library(text: impl Into<String>) -> Self {
        Self::of("NATIVE_LIBRARY", text)
    }

    /// As the error that a promise is rejected with. On the JavaScript thread.
    pub fn thrown(self, env: Env) -> napi::Error {
        JsError::from(napi::Error::from(self)).into_unknown(env).into()
    }
}

impl From<Failure> for napi::Error<String> {
    fn from(Failure { code, text }: Failure) -> Self {
        napi::Error::new(code, text)
    }
}

impl From<ort::Error> for Failure {
    fn from(error: ort::Error) -> Self {
        Self::of("ORT_FAIL", error.message())
    }
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self::of("NATIVE_NODE", format!("{}: {}", error.status, error.reason))
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
        let code = format!("{:?}", (api.GetErrorCode)(status));
        let text = CStr::from_ptr((api.GetErrorMessage)(status)).to_string_lossy();
        let failure = Failure::of(&code, text);
        (api.ReleaseStatus)(status);
        Err(failure)
    }
}
