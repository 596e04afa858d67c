use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use napi::{
    Env, Unknown,
    bindgen_prelude::{BigInt, FromNapiValue},
};
use napi_derive::napi;

use crate::{
    delivery::{Outcome, promised},
    failure::{Failure, Result},
    lanes::Lanes,
    memory::{Kind, Memory, Part, Place, Use},
    node,
    tensor::{self, ArrayView, Format, Value},
};

/// A tensor that stays where it is, outside JavaScript's memory, so that a graph may read it as past and write it as
/// present. It stands on the whole of a memory, which it then owns, or on a part of another's.
pub struct Buffer {
    format: Format,
    part: Part,
    memory: Arc<Memory>,
    is_owner: bool,
    is_open: AtomicBool,
    /// Points to the part; never read once the memory is closed.
    pub value: Value,
}

impl Buffer {
    /// Begins to use all of it.
    pub fn begin(&self, kind: Kind) -> Result<Use> {
        self.begin_part(Part { offset: 0, bytes: self.part.bytes }, kind)
    }

    fn begin_part(&self, part: Part, kind: Kind) -> Result<Use> {
        if !self.is_open.load(Ordering::Acquire) {
            return Err(Failure::closed("buffer"));
        }
        let held = || Failure::invalid(format!("bytes {} + {} of {}", part.offset, part.bytes, self.part.bytes));
        self.memory.begin(self.part.within(part).ok_or_else(held)?, kind)
    }
}

/// A buffer, as JavaScript has it.
#[napi]
pub struct NativeBuffer {
    pub(crate) buffer: Arc<Buffer>,
    lanes: Arc<Lanes>,
}

impl NativeBuffer {
    /// Zeroed.
    pub fn create(lanes: Arc<Lanes>, place: Place, format: Format, dims: &[f64]) -> Result<Self> {
        let (dims, bytes) = tensor::shape(format, dims)?;
        let memory = Arc::new(Memory::create(lanes.session()?, place, bytes)?);
        lanes.keep(&memory)?;
        Self::over((lanes, memory), Part { offset: 0, bytes }, (format, &dims), true)
    }

    fn over(
        (lanes, memory): (Arc<Lanes>, Arc<Memory>),
        part: Part,
        (format, dims): (Format, &[i64]),
        is_owner: bool,
    ) -> Result<Self> {
        let used = memory.begin(part, Kind::Look)?;
        let value = unsafe { Value::over(used.info()?, (used.data(), part.bytes), (format, dims)) }?;
        drop(used);
        let buffer = Buffer { format, part, memory, is_owner, is_open: AtomicBool::new(true), value };
        Ok(Self { buffer: Arc::new(buffer), lanes })
    }

    fn begin(&self, offset: f64, elements: f64) -> Result<Use> {
        let part = Part { offset: self.bytes_of(offset)?, bytes: self.bytes_of(elements)? };
        self.buffer.begin_part(part, Kind::Copy)
    }

    /// Bytes of so many elements, where the buffer has as many.
    fn bytes_of(&self, elements: f64) -> Result<usize> {
        let Buffer { part, format, .. } = &*self.buffer;
        let limit = part.bytes / format.bytes;
        if elements.fract() == 0.0 && (0.0..=limit as f64).contains(&elements) {
            return Ok(elements as usize * format.bytes);
        }
        Err(Failure::invalid(format!("the buffer has {limit} elements, not {elements}")))
    }
}

#[napi]
impl NativeBuffer {
    /// Where it lies: an address of the processor's memory or of the GPU's.
    #[napi(getter)]
    pub fn address(&self) -> napi::Result<BigInt, String> {
        Ok(BigInt::from(self.buffer.begin(Kind::Look)?.data() as u64))
    }

    #[napi(getter)]
    pub fn byte_length(&self) -> f64 {
        self.buffer.part.bytes as f64
    }

    /// A buffer on a part of this one's memory, beginning at an element.
    #[napi]
    pub fn view(&self, offset: f64, dims: Vec<f64>) -> napi::Result<Self, String> {
        let Buffer { format, part, memory, .. } = &*self.buffer;
        let (dims, bytes) = tensor::shape(*format, &dims)?;
        let offset = self.bytes_of(offset)?;
        let held = || Failure::invalid(format!("{dims:?} from byte {offset} on are not within {} bytes", part.bytes));
        let part = part.within(Part { offset, bytes }).ok_or_else(held)?;
        self.buffer.begin(Kind::Look)?;
        Ok(Self::over((self.lanes.clone(), memory.clone()), part, (*format, &dims), false)?)
    }

    /// Copies a typed array into the buffer, beginning at an element.
    #[napi(ts_args_type = "data: TensorData, offset: number")]
    pub fn write(&self, data: Unknown, offset: f64) -> napi::Result<(), String> {
        let view = ArrayView::of(&data)?;
        view.require(self.buffer.format)?;
        let part = Part { offset: self.bytes_of(offset)?, bytes: view.bytes };
        Ok(self.buffer.begin_part(part, Kind::Copy)?.write(view.as_ptr().cast())?)
    }

    /// Copies elements out of the buffer.
    #[napi(ts_return_type = "TensorData")]
    pub fn read<'env>(&self, env: Env, offset: f64, elements: f64) -> napi::Result<Unknown<'env>, String> {
        let used = self.begin(offset, elements)?;
        let value = tensor::array(env.raw(), self.buffer.format, elements as usize, |target| used.read(target))?;
        Ok(unsafe { Unknown::from_napi_value(env.raw(), value) }.map_err(Failure::from)?)
    }

    /// Copies elements out of the buffer on a lane, after the runs that wait there.
    #[napi(ts_return_type = "Promise<TensorData>")]
    pub fn read_async<'env>(&self, env: Env, offset: f64, elements: f64) -> napi::Result<Unknown<'env>, String> {
        let used = self.begin(offset, elements)?;
        let (format, elements) = (self.buffer.format, elements as usize);
        promised(env, |promise| {
            let work = move || {
                let mut bytes = vec![0; elements * format.bytes];
                used.read(bytes.as_mut_ptr())?;
                drop(used);
                Ok(Box::new(move |env| {
                    tensor::array(env, format, elements, |target| {
                        unsafe { bytes.as_ptr().copy_to_nonoverlapping(target, bytes.len()) };
                        Ok(())
                    })
                }) as Outcome)
            };
            self.lanes.submit(None, Box::new(|_, _| work()), promise)
        })
    }

    /// Copies elements of another buffer into this one on a lane, after the runs that wait there.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn copy<'env>(
        &self,
        env: Env,
        source: &NativeBuffer,
        source_offset: f64,
        offset: f64,
        elements: f64,
    ) -> napi::Result<Unknown<'env>, String> {
        if self.buffer.format.name != source.buffer.format.name {
            let (to, from) = (self.buffer.format.name, source.buffer.format.name);
            return Err(Failure::invalid(format!("a buffer of {to} does not hold {from}")).into());
        }
        let (target, source) = (self.begin(offset, elements)?, source.begin(source_offset, elements)?);
        promised(env, |promise| {
            let work = move || {
                target.copy(&source)?;
                drop((target, source));
                Ok(Box::new(node::undefined) as Outcome)
            };
            self.lanes.submit(None, Box::new(|_, _| work()), promise)
        })
    }

    /// Gives the memory back; of a part of another's memory, only the right to use it.
    #[napi]
    pub fn close(&self) -> napi::Result<(), String> {
        let Buffer { part, memory, is_owner, is_open, .. } = &*self.buffer;
        if memory.is_in_use(*part) {
            return Err(Failure::busy("buffer").into());
        }
        is_open.store(false, Ordering::Release);
        if *is_owner {
            memory.close();
        }
        Ok(())
    }
}
