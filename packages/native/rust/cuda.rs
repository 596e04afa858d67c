//! Explicit copies to, from and between GPUs, by the CUDA runtime that the provider has loaded.
use std::ffi::{CStr, c_char, c_int, c_void};

use libloading::{Library, Symbol};

use crate::failure::{Failure, Result};

/// Which of both is the GPU's, and of which GPU, CUDA finds out from the addresses. Returns when the bytes have arrived.
pub fn copy(device: i32, target: *mut u8, source: *const u8, bytes: usize) -> Result<()> {
    const BY_ADDRESS: c_int = 4;
    type Copy = unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int) -> c_int;
    on(device, |runtime| {
        let copy: Symbol<Copy> = symbol(runtime, c"cudaMemcpy")?;
        succeed(runtime, unsafe { copy(target.cast(), source.cast(), bytes, BY_ADDRESS) })
    })
}

pub fn zero(device: i32, target: *mut u8, bytes: usize) -> Result<()> {
    type Set = unsafe extern "C" fn(*mut c_void, c_int, usize) -> c_int;
    on(device, |runtime| {
        let set: Symbol<Set> = symbol(runtime, c"cudaMemset")?;
        succeed(runtime, unsafe { set(target.cast(), 0, bytes) })
    })
}

fn on(device: i32, act: impl FnOnce(&Library) -> Result<()>) -> Result<()> {
    type Choose = unsafe extern "C" fn(c_int) -> c_int;
    type Wait = unsafe extern "C" fn() -> c_int;
    let runtime = open()?;
    let choose: Symbol<Choose> = symbol(&runtime, c"cudaSetDevice")?;
    succeed(&runtime, unsafe { choose(device) })?;
    act(&runtime)?;
    // A copy from pageable memory returns when it is staged, and ONNX Runtime's streams do not wait for the default one.
    let wait: Symbol<Wait> = symbol(&runtime, c"cudaDeviceSynchronize")?;
    succeed(&runtime, unsafe { wait() })
}

fn open() -> Result<Library> {
    let names = ["libcudart.so.13", "libcudart.so.12"];
    let found = names.iter().find_map(|name| unsafe { Library::new(*name) }.ok());
    found.ok_or_else(|| Failure::library(format!("none of {names:?} can be loaded")))
}

fn symbol<'a, T>(runtime: &'a Library, name: &CStr) -> Result<Symbol<'a, T>> {
    unsafe { runtime.get(name.to_bytes_with_nul()) }.map_err(|error| Failure::library(error.to_string()))
}

fn succeed(runtime: &Library, code: c_int) -> Result<()> {
    type Describe = unsafe extern "C" fn(c_int) -> *const c_char;
    if code == 0 {
        return Ok(());
    }
    let describe: Symbol<Describe> = symbol(runtime, c"cudaGetErrorString")?;
    let text = unsafe { CStr::from_ptr(describe(code)) }.to_string_lossy().into_owned();
    Err(Failure::of("NATIVE_CUDA", format!("CUDA error {code}: {text}")))
}
