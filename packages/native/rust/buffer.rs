use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use napi::{
    Env,
    bindgen_prelude::{BigInt, Object, Uint8Array},
};
use napi_derive::napi;

use crate::{
    delivery::promised,
    failure::{Failure, Result},
    lanes::Lanes,
    memory::{Kind, Memory, Part, Place, Use},
    tensor::{Format, Value},
};

/// A tensor that stays where it is, outside JavaScript's memory, so that a graph may read it as past and write it as
/// present. It stands on the whole of a memory, which it then owns, or on a part of another's. Offsets are in bytes.
#[napi]
pub struct NativeBuffer {
    lanes: Arc<Lanes>,
    format: Format,
    part: Part,
    memory: Arc<Memory>,
    is_owner: bool,
    is_open: AtomicBool,
    /// Points to the part; never read once the memory is closed.
    value: Arc<Value>,
}

impl NativeBuffer {
    /// Zeroed.
    pub fn create(lanes: Arc<Lanes>, place: Place, format: u32, dims: &[i64]) -> Result<Self> {
        let format = Format::of(format)?;
        let part = Part { offset: 0, bytes: format.bytes(dims)? };
        let memory = Arc::new(Memory::create(lanes.session()?, place, part.bytes)?);
        lanes.keep(&memory)?;
        Self::over((lanes, memory, part), (format, dims), true)
    }

    fn over(
        (lanes, memory, part): (Arc<Lanes>, Arc<Memory>, Part),
        (format, dims): (Format, &[i64]),
        is_owner: bool,
    ) -> Result<Self> {
        let info = memory.place.info()?;
        let value = unsafe { Value::over(&info, (memory.address(part)?, part.bytes), (format, dims)) }?;
        Ok(Self { lanes, format, part, memory, is_owner, is_open: AtomicBool::new(true), value: Arc::new(value) })
    }

    fn require_open(&self) -> Result<()> {
        let is_open = self.is_open.load(Ordering::Acquire);
        is_open.then_some(()).ok_or_else(|| Failure::closed("buffer"))
    }

    /// Begins to use all of it in a run.
    pub fn begin(&self) -> Result<(Use, Arc<Value>)> {
        self.require_open()?;
        Ok((self.memory.begin(self.part, Kind::Run)?, self.value.clone()))
    }

    fn begin_copy(&self, offset: i64, bytes: i64) -> Result<Use> {
        self.require_open()?;
        self.memory.begin(self.part.within(offset, bytes)?, Kind::Copy)
    }
}

#[napi]
impl NativeBuffer {
    /// Where it lies: an address of the processor's memory or of the GPU's.
    #[napi(getter)]
    pub fn address(&self) -> napi::Result<BigInt, String> {
        Ok(BigInt::from(self.memory.address(self.part)? as u64))
    }

    /// A buffer on a part of this one's memory.
    #[napi]
    pub fn view(&self, offset: i64, dims: Vec<i64>) -> napi::Result<Self, String> {
        self.require_open()?;
        let part = self.part.within(offset, self.format.bytes(&dims)? as i64)?;
        Ok(Self::over((self.lanes.clone(), self.memory.clone(), part), (self.format, &dims), false)?)
    }

    /// Copies bytes into the buffer.
    #[napi]
    pub fn write(&self, data: Uint8Array, offset: i64) -> napi::Result<(), String> {
        Ok(self.begin_copy(offset, data.len() as i64)?.write(&data)?)
    }

    /// Copies bytes out of the buffer.
    #[napi]
    pub fn read(&self, offset: i64, bytes: i64) -> napi::Result<Uint8Array, String> {
        Ok(self.begin_copy(offset, bytes)?.read()?.into())
    }

    /// Copies bytes out of the buffer on a lane, after the runs that wait there.
    #[napi(ts_return_type = "Promise<Uint8Array<ArrayBuffer>>")]
    pub fn read_async<'env>(&self, env: &'env Env, offset: i64, bytes: i64) -> napi::Result<Object<'env>, String> {
        let used = self.begin_copy(offset, bytes)?;
        promised(env, |promise| self.lanes.submit(None, promise, move |_, _| Ok(Uint8Array::new(used.read()?))))
    }

    /// Copies pieces of another buffer into this one on a lane, one after another, after the runs that wait there. Of each
    /// piece: its offset in the source, that in this buffer, and its bytes.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn copy<'env>(
        &self,
        env: &'env Env,
        source: &NativeBuffer,
        pieces: Vec<i64>,
    ) -> napi::Result<Object<'env>, String> {
        let begin = |piece: &[i64]| match *piece {
            [source_offset, offset, bytes] => {
                Ok((self.begin_copy(offset, bytes)?, source.begin_copy(source_offset, bytes)?))
            }
            _ => Err(Failure::invalid("a piece is two offsets and a length")),
        };
        let uses: Vec<(Use, Use)> = pieces.chunks(3).map(begin).collect::<Result<_>>()?;
        promised(env, |promise| {
            self.lanes.submit(None, promise, move |_, _| {
                uses.iter().try_for_each(|(target, source)| target.copy(source))
            })
        })
    }

    /// Gives the memory back; of a part of another's memory, only the right to use it.
    #[napi]
    pub fn close(&self) -> napi::Result<(), String> {
        if self.require_open().is_ok() && self.memory.address(self.part).is_ok() {
            self.memory.begin(self.part, Kind::Copy)?;
        }
        self.is_open.store(false, Ordering::Release);
        if self.is_owner {
            self.memory.close();
        }
        Ok(())
    }
}
