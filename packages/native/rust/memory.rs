use std::{
    ptr,
    sync::{Arc, Mutex},
};

use ort::{
    AsPointer,
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    sys::OrtAllocator,
};

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

impl Place {
    /// What ONNX Runtime calls it.
    pub fn info(self) -> Result<MemoryInfo<'static>> {
        let (device, number) = match self {
            Place::Cpu => (AllocationDevice::CPU, 0),
            Place::Cuda(number) => (AllocationDevice::CUDA, number),
        };
        Ok(MemoryInfo::new(device, number, AllocatorType::Arena, MemoryType::Default)?)
    }
}

/// A part of a memory, in bytes.
#[derive(Clone, Copy, PartialEq)]
pub struct Part {
    pub offset: usize,
    pub bytes: usize,
}

impl Part {
    /// A part of this part. Refused where it reaches over the end.
    pub fn within(self, offset: i64, bytes: i64) -> Result<Part> {
        let refused = || Failure::invalid(format!("bytes {offset} + {bytes} are not within {}", self.bytes));
        let (offset, bytes) = usize::try_from(offset).ok().zip(usize::try_from(bytes).ok()).ok_or_else(refused)?;
        let end = offset.checked_add(bytes).filter(|end| *end <= self.bytes).ok_or_else(refused)?;
        Ok(Part { offset: self.offset + offset, bytes: end - offset })
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
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Run,
    Copy,
}

/// Freed when nobody uses it any more.
pub struct Block {
    data: *mut u8,
    allocator: *mut OrtAllocator,
    _session: Arc<NativeSession>,
}
// SAFETY: addresses that are carried along; allocators lock for themselves, and who may touch what lies there is the
// state's to say.
unsafe impl Send for Block {}
unsafe impl Sync for Block {}

impl Block {
    fn allocate(session: Arc<NativeSession>, place: Place, bytes: usize) -> Result<Self> {
        let api = ort::api();
        let (info, mut allocator, mut data) = (place.info()?, ptr::null_mut(), ptr::null_mut());
        check(unsafe { (api.CreateAllocator)(session.0, info.ptr(), &mut allocator) })?;
        let mut block = Self { data: ptr::null_mut(), allocator, _session: session };
        // One byte at least, so that there is an address.
        check(unsafe { (api.AllocatorAlloc)(allocator, bytes.max(1), &mut data) })?;
        block.data = data.cast();
        Ok(block)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let _ = check(unsafe { (ort::api().AllocatorFree)(self.allocator, self.data.cast()) });
        unsafe { (ort::api().ReleaseAllocator)(self.allocator) };
    }
}

impl Memory {
    /// Zeroed.
    pub fn create(session: Arc<NativeSession>, place: Place, bytes: usize) -> Result<Self> {
        let block = Block::allocate(session, place, bytes)?;
        match place {
            Place::Cpu => unsafe { ptr::write_bytes(block.data, 0, bytes) },
            Place::Cuda(device) => cuda::zero(device, block.data, bytes)?,
        }
        Ok(Self { place, state: Mutex::new(State { block: Some(Arc::new(block)), uses: Vec::new() }) })
    }

    /// Gives the memory back, as soon as what uses it has come to its end.
    pub fn close(&self) {
        self.state.lock().unwrap().block.take();
    }

    /// Where a part lies. Refused once the memory is closed.
    pub fn address(&self, part: Part) -> Result<*mut u8> {
        let state = self.state.lock().unwrap();
        let block = state.block.as_ref().ok_or_else(|| Failure::closed("buffer"))?;
        Ok(unsafe { block.data.add(part.offset) })
    }

    /// Begins to use a part.
    pub fn begin(self: &Arc<Self>, part: Part, kind: Kind) -> Result<Use> {
        let mut state = self.state.lock().unwrap();
        let block = state.block.clone().ok_or_else(|| Failure::closed("buffer"))?;
        if state.uses.iter().any(|(used, other)| used.overlaps(part) && (kind, *other) != (Kind::Run, Kind::Run)) {
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
    fn place(&self) -> (Place, *mut u8) {
        // SAFETY: parts lie within the block.
        (self.memory.place, unsafe { self.block.data.add(self.part.offset) })
    }

    /// Copies from the processor's memory.
    pub fn write(&self, source: &[u8]) -> Result<()> {
        copy(self.place(), (Place::Cpu, source.as_ptr().cast_mut()), self.part.bytes.min(source.len()))
    }

    /// Copies into the processor's memory.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.part.bytes];
        copy((Place::Cpu, bytes.as_mut_ptr()), self.place(), bytes.len()).map(|()| bytes)
    }

    /// Copies from another part.
    pub fn copy(&self, source: &Use) -> Result<()> {
        copy(self.place(), source.place(), self.part.bytes.min(source.part.bytes))
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

/// Of memory that nobody else touches: a target, a source, bytes.
fn copy(target: (Place, *mut u8), source: (Place, *mut u8), bytes: usize) -> Result<()> {
    match (target.0, source.0) {
        _ if bytes == 0 => Ok(()),
        (Place::Cpu, Place::Cpu) => {
            unsafe { ptr::copy_nonoverlapping(source.1, target.1, bytes) };
            Ok(())
        }
        (Place::Cuda(device), _) | (_, Place::Cuda(device)) => cuda::copy(device, target.1, source.1, bytes),
    }
}
