//! The few calls of Node-API that napi-rs has no word for.
use std::ptr;

use napi::sys;

use crate::failure::{Failure, Result};

pub fn ok(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(Failure::of("NATIVE_NODE", format!("Node-API: status {status}")))
}

pub fn string(env: sys::napi_env, text: &str) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    ok(unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut value) })?;
    Ok(value)
}

pub fn error(env: sys::napi_env, failure: &Failure) -> sys::napi_value {
    let mut value = ptr::null_mut();
    let texts = string(env, &failure.code).and_then(|code| Ok((code, string(env, &failure.text)?)));
    if let Ok((code, text)) = texts {
        unsafe { sys::napi_create_error(env, code, text, &mut value) };
    }
    value
}

pub fn undefined(env: sys::napi_env) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    ok(unsafe { sys::napi_get_undefined(env, &mut value) })?;
    Ok(value)
}

pub fn object(env: sys::napi_env) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    ok(unsafe { sys::napi_create_object(env, &mut value) })?;
    Ok(value)
}

/// Sets a property by any name: one with a NUL is a name as well.
pub fn set(env: sys::napi_env, object: sys::napi_value, name: &str, value: sys::napi_value) -> Result<()> {
    let key = string(env, name)?;
    ok(unsafe { sys::napi_set_property(env, object, key, value) })
}
