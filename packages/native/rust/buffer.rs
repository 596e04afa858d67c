use std::{
    ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use ort::sys::{OrtAllocator, OrtAllocatorType, OrtMemType};

use crate::{
    cuda,
    failure::{Failure, Result, check},
    lanes::NativeSession,
    tensor::{Format, Value},
};

/// Where a buffer lies.
#[derive(Clone, Copy)]
pub enum Place {
    Cpu,
    Cuda(i32),
}

/// A tensor in memory of the processor or of a GPU, made by a session's own allocator. It stays where it is until it is
/// closed, so that a graph may read it as past and write it as present.
pub struct Buffer {
    pub format: Format,
    pub bytes: usize,
    place: Place,
    memory: Mutex<Option<Memory>>,
    /// Runs that wait or are under way with it.
    users: AtomicUsize,
}

/// In the order in which they must be freed.
struct Memory {
    value: Value,
    _allocator: Allocator,
    _session: Arc<NativeSession>,
}

struct Allocator(*mut OrtAllocator);
// SAFETY: ONNX Runtime's allocators lock for themselves.
unsafe impl Send for Allocator {}

impl Drop for Allocator {
    fn drop(&mut self) {
        unsafe { (ort::api().ReleaseAllocator)(self.0) }
    }
}

/// A part of a buffer, in bytes.
#[derive(Clone, Copy)]
pub struct Part {
    pub offset: usize,
    pub bytes: usize,
}

impl Buffer {
    /// Zeroed.
    pub fn create(session: Arc<NativeSession>, place: Place, format: Format, shape: (Vec<i64>, usize)) -> Result<Self> {
        let (dims, bytes) = shape;
        let allocator = allocator(&session, place)?;
        let mut raw = ptr::null_mut();
        let (data, rank) = (dims.as_ptr(), dims.len());
        check(unsafe { (ort::api().CreateTensorAsOrtValue)(allocator.0, data, rank, format.onnx, &mut raw) })?;
        let value = Value::from_raw(raw);
        if bytes > 0 {
            match place {
                Place::Cpu => unsafe { ptr::write_bytes(value.data()?, 0, bytes) },
                Place::Cuda(device) => cuda::zero(device, value.data()?, bytes)?,
            }
        }
        let memory = Memory { value, _allocator: allocator, _session: session };
        Ok(Self { format, bytes, place, memory: Mutex::new(Some(memory)), users: AtomicUsize::new(0) })
    }

    /// Gives the memory back. Only where no run uses it.
    pub fn close(&self) {
        self.memory.lock().unwrap().take();
    }

    pub fn is_in_use(&self) -> bool {
        self.users.load(Ordering::Acquire) > 0
    }

    pub fn with<T>(&self, use_value: impl FnOnce(&Value) -> Result<T>) -> Result<T> {
        let memory = self.memory.lock().unwrap();
        use_value(&memory.as_ref().ok_or_else(|| Failure::closed("buffer"))?.value)
    }

    /// Copies from the processor's memory into a part of the buffer.
    pub fn write(&self, source: *const u8, part: Part) -> Result<()> {
        self.copy(part, |data, bytes| match self.place {
            Place::Cpu => {
                unsafe { ptr::copy_nonoverlapping(source, data, bytes) };
                Ok(())
            }
            Place::Cuda(device) => cuda::copy(device, data, source, bytes, cuda::Way::In),
        })
    }

    /// Copies a part of the buffer into the processor's memory.
    pub fn read(&self, target: *mut u8, part: Part) -> Result<()> {
        self.copy(part, |data, bytes| match self.place {
            Place::Cpu => {
                unsafe { ptr::copy_nonoverlapping(data, target, bytes) };
                Ok(())
            }
            Place::Cuda(device) => cuda::copy(device, target, data, bytes, cuda::Way::Out),
        })
    }

    fn copy(&self, part: Part, copy: impl FnOnce(*mut u8, usize) -> Result<()>) -> Result<()> {
        if self.is_in_use() {
            return Err(Failure::busy("buffer"));
        }
        if part.offset.checked_add(part.bytes).is_none_or(|end| end > self.bytes) {
            return Err(Failure::invalid(format!("bytes {} + {} of {}", part.offset, part.bytes, self.bytes)));
        }
        self.with(
            |value| if part.bytes == 0 { Ok(()) } else { copy(unsafe { value.data()?.add(part.offset) }, part.bytes) },
        )
    }
}

/// Marks buffers as used by a run until it is dropped.
pub struct Users(Vec<Arc<Buffer>>);

impl Users {
    pub fn of(buffers: Vec<Arc<Buffer>>) -> Self {
        buffers.iter().for_each(|buffer| _ = buffer.users.fetch_add(1, Ordering::AcqRel));
        Self(buffers)
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.0.iter().for_each(|buffer| _ = buffer.users.fetch_sub(1, Ordering::AcqRel));
    }
}

fn allocator(session: &NativeSession, place: Place) -> Result<Allocator> {
    let api = ort::api();
    let (name, device) = match place {
        Place::Cpu => (c"Cpu", 0),
        Place::Cuda(device) => (c"Cuda", device),
    };
    let (mut info, mut allocator) = (ptr::null_mut(), ptr::null_mut());
    unsafe {
        let (kind, memory) = (OrtAllocatorType::OrtArenaAllocator, OrtMemType::OrtMemTypeDefault);
        check((api.CreateMemoryInfo)(name.as_ptr(), kind, device, memory, &mut info))?;
        let made = (api.CreateAllocator)(session.0, info, &mut allocator);
        (api.ReleaseMemoryInfo)(info);
        check(made)?;
    }
    Ok(Allocator(allocator))
}
