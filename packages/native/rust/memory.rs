use std::{
    ptr,
    sync::{Arc, Mutex},
};

use ort::sys::{OrtAllocator, OrtAllocatorType, OrtMemType, OrtMemoryInfo};

use crate::{
    cuda,
    failure::{Failure, Result, check},
    lanes::NativeSession,
};

/// Where memory lies.
#[derive(Clone, Copy)]
pub enum Place {
    Cpu,
    Cuda(i32),
}

/// A part of a memory, in bytes.
#[derive(Clone, Copy, PartialEq)]
pub struct Part {
    pub offset: usize,
    pub bytes: usize,
}

impl Part {
    /// A part of this part, or none where it reaches over the end.
    pub fn within(self, inner: Part) -> Option<Part> {
        let end = inner.offset.checked_add(inner.bytes)?;
        (end <= self.bytes).then(|| Part { offset: self.offset + inner.offset, bytes: inner.bytes })
    }

    fn overlaps(self, other: Part) -> bool {
        self.offset.max(other.offset) < (self.offset + self.bytes).min(other.offset + other.bytes)
    }
}

/// Memory of the processor or of a GPU, made by a session's own allocator, that any number of buffers stand on. It knows
/// which of its parts are in use.
pub struct Memory {
    pub place: Place,
    state: Mutex<State>,
}

struct State {
    /// None once it is closed.
    block: Option<Arc<Block>>,
    uses: Vec<(Part, Kind)>,
}

/// What a part is used for. Runs may share it; a copy goes together with neither a run nor another copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Look,
    Run,
    Copy,
}

/// Freed when nobody uses it any more.
struct Block {
    data: *mut u8,
    allocator: Allocator,
    _session: Arc<NativeSession>,
}
// SAFETY: an address that is carried along; who may touch what lies there is the state's to say.
unsafe impl Send for Block {}
unsafe impl Sync for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        let _ = check(unsafe { (ort::api().AllocatorFree)(self.allocator.0, self.data.cast()) });
    }
}

impl Memory {
    /// Zeroed.
    pub fn create(session: Arc<NativeSession>, place: Place, bytes: usize) -> Result<Self> {
        let allocator = Allocator::of(&session, place)?;
        let mut data = ptr::null_mut();
        // One byte at least, so that there is an address.
        check(unsafe { (ort::api().AllocatorAlloc)(allocator.0, bytes.max(1), &mut data) })?;
        let block = Block { data: data.cast(), allocator, _session: session };
        match place {
            Place::Cpu => unsafe { ptr::write_bytes(block.data, 0, bytes) },
            Place::Cuda(device) => cuda::zero(device, block.data, bytes)?,
        }
        let state = State { block: Some(Arc::new(block)), uses: Vec::new() };
        Ok(Self { place, state: Mutex::new(state) })
    }

    /// Gives the memory back, as soon as what uses it has come to its end.
    pub fn close(&self) {
        self.state.lock().unwrap().block.take();
    }

    pub fn is_in_use(&self, part: Part) -> bool {
        self.state.lock().unwrap().uses.iter().any(|(used, _)| used.overlaps(part))
    }

    /// Begins to use a part.
    pub fn begin(self: &Arc<Self>, part: Part, kind: Kind) -> Result<Use> {
        let mut state = self.state.lock().unwrap();
        let block = state.block.clone().ok_or_else(|| Failure::closed("buffer"))?;
        let disturbs = |other: Kind| kind.max(other) == Kind::Copy && kind.min(other) != Kind::Look;
        if state.uses.iter().any(|(used, other)| used.overlaps(part) && disturbs(*other)) {
            return Err(Failure::busy("buffer"));
        }
        state.uses.push((part, kind));
        Ok(Use { memory: self.clone(), block, part, kind })
    }
}

/// A part in use, until it is dropped.
pub struct Use {
    memory: Arc<Memory>,
    block: Arc<Block>,
    part: Part,
    kind: Kind,
}

impl Use {
    pub fn data(&self) -> *mut u8 {
        // SAFETY: parts lie within the block.
        unsafe { self.block.data.add(self.part.offset) }
    }

    /// What ONNX Runtime calls the memory; valid as long as this is.
    pub fn info(&self) -> Result<*const OrtMemoryInfo> {
        let mut info = ptr::null();
        check(unsafe { (ort::api().AllocatorGetInfo)(self.block.allocator.0, &mut info) })?;
        Ok(info)
    }

    /// Copies from the processor's memory.
    pub fn write(&self, source: *const u8) -> Result<()> {
        copy((self.memory.place, self.data()), (Place::Cpu, source), self.part.bytes)
    }

    /// Copies into the processor's memory.
    pub fn read(&self, target: *mut u8) -> Result<()> {
        copy((Place::Cpu, target), (self.memory.place, self.data()), self.part.bytes)
    }

    /// Copies from another part of the same length.
    pub fn copy(&self, source: &Use) -> Result<()> {
        copy((self.memory.place, self.data()), (source.memory.place, source.data()), self.part.bytes)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut state = self.memory.state.lock().unwrap();
        if let Some(index) = state.uses.iter().position(|it| *it == (self.part, self.kind)) {
            state.uses.swap_remove(index);
        }
    }
}

/// Of memory that nobody else touches.
fn copy(target: (Place, *mut u8), source: (Place, *const u8), bytes: usize) -> Result<()> {
    match (target.0, source.0) {
        _ if bytes == 0 => Ok(()),
        (Place::Cpu, Place::Cpu) => {
            unsafe { ptr::copy_nonoverlapping(source.1, target.1, bytes) };
            Ok(())
        }
        (Place::Cuda(device), _) | (_, Place::Cuda(device)) => cuda::copy(device, target.1, source.1, bytes),
    }
}

struct Allocator(*mut OrtAllocator);
// SAFETY: ONNX Runtime's allocators lock for themselves.
unsafe impl Send for Allocator {}
unsafe impl Sync for Allocator {}

impl Allocator {
    fn of(session: &NativeSession, place: Place) -> Result<Self> {
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
        Ok(Self(allocator))
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        unsafe { (ort::api().ReleaseAllocator)(self.0) }
    }
}
