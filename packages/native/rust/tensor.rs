use std::{ffi::c_char, ptr};

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use ort::{
    AsPointer,
    memory::MemoryInfo,
    sys::{ONNXTensorElementDataType as Onnx, OrtValue},
};

use crate::{
    failure::{Failure, Result, check},
    memory::Place,
};

/// A tensor as bytes. What the bytes mean is for `tensor.ts` to say.
#[napi(object)]
pub struct RawTensor {
    /// ONNX's number for the type of its elements.
    pub format: u32,
    pub dims: Vec<i64>,
    pub data: Uint8Array,
}

/// A number format and the bytes of an element.
#[derive(Clone, Copy)]
pub struct Format(pub Onnx, pub usize);

const FORMATS: [Format; 13] = {
    use Onnx::*;
    [
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 1),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, 1),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, 2),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, 2),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, 1),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, 2),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 8),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, 4),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, 8),
        Format(ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, 2),
    ]
};

impl Format {
    pub fn of(number: u32) -> Result<Self> {
        let found = FORMATS.iter().find(|Format(onnx, _)| *onnx as u32 == number);
        found.copied().ok_or_else(|| Failure::invalid(format!("tensors of ONNX's type {number} are not known here")))
    }

    /// Bytes that such a tensor takes.
    pub fn bytes(self, dims: &[i64]) -> Result<usize> {
        let size = |bytes: usize, dim: &i64| bytes.checked_mul(usize::try_from(*dim).ok()?);
        let bytes = dims.iter().try_fold(self.1, size).filter(|bytes| *bytes <= isize::MAX as usize);
        bytes.ok_or_else(|| Failure::invalid(format!("dimensions {dims:?} do not fit in memory")))
    }
}

/// A value of ONNX Runtime, with the memory it stands on where that is ours.
pub struct Value {
    pub raw: *mut OrtValue,
    _memory: Vec<u64>,
}
// SAFETY: a value is used by one thread at a time, or only read.
unsafe impl Send for Value {}
unsafe impl Sync for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        unsafe { (ort::api().ReleaseValue)(self.raw) }
    }
}

impl Value {
    pub fn from_raw(raw: *mut OrtValue) -> Self {
        Self { raw, _memory: Vec::new() }
    }

    /// A value over memory that is another's: an address and bytes.
    ///
    /// # Safety
    /// The memory is as `info` says, and outlives what reads the value.
    pub unsafe fn over(
        info: &MemoryInfo,
        (data, bytes): (*mut u8, usize),
        (format, dims): (Format, &[i64]),
    ) -> Result<Self> {
        let mut raw = ptr::null_mut();
        let (data, shape, rank) = (data.cast(), dims.as_ptr(), dims.len());
        let create = ort::api().CreateTensorWithDataAsOrtValue;
        check(unsafe { create(info.ptr(), data, bytes, shape, rank, format.0, &mut raw) })?;
        Ok(Self::from_raw(raw))
    }

    /// Copies a tensor, so that what JavaScript does to its array later is of no matter.
    pub fn copied(RawTensor { format, dims, data }: &RawTensor) -> Result<Self> {
        let format = Format::of(*format)?;
        let bytes = format.bytes(dims)?;
        if data.len() != bytes {
            return Err(Failure::invalid(format!("dimensions {dims:?} do not fit {} bytes", data.len())));
        }
        // Words of eight bytes, so that every format is aligned; one at least, so that there is an address.
        let mut memory = vec![0u64; bytes.div_ceil(8).max(1)];
        // SAFETY: the memory is as long. Another thread may write to shared memory meanwhile.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), memory.as_mut_ptr().cast(), bytes) };
        let info = Place::Cpu.info()?;
        let mut value = unsafe { Self::over(&info, (memory.as_mut_ptr().cast(), bytes), (format, dims)) }?;
        value._memory = memory;
        Ok(value)
    }

    /// A copy for JavaScript.
    pub fn to_tensor(&self) -> Result<RawTensor> {
        let api = ort::api();
        let (mut info, mut onnx, mut rank) = (ptr::null_mut(), Onnx::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, 0);
        if self.raw.is_null() {
            return Err(Failure::invalid("an output has no value"));
        }
        check(unsafe { (api.GetTensorTypeAndShape)(self.raw, &mut info) })?;
        let dims = (|| unsafe {
            check((api.GetTensorElementType)(info, &mut onnx))?;
            check((api.GetDimensionsCount)(info, &mut rank))?;
            let mut dims = vec![0; rank];
            check((api.GetDimensions)(info, dims.as_mut_ptr(), rank)).map(|()| dims)
        })();
        unsafe { (api.ReleaseTensorTypeAndShapeInfo)(info) };
        let dims = dims?;
        let bytes = Format::of(onnx as u32)?.bytes(&dims)?;
        let mut data = ptr::null_mut();
        check(unsafe { (api.GetTensorMutableData)(self.raw, &mut data) })?;
        // SAFETY: ONNX Runtime's memory holds the whole tensor.
        let data = if bytes == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data.cast::<u8>(), bytes) } };
        Ok(RawTensor { format: onnx as u32, dims, data: Uint8Array::with_data_copied(data) })
    }
}

/// A file that a graph takes weights from, in memory that outlives the loading.
pub struct Weights {
    /// The name the graph has for it.
    pub name: std::ffi::CString,
    pub data: *mut c_char,
    pub bytes: usize,
}
// SAFETY: only read, and nobody else has the memory meanwhile.
unsafe impl Send for Weights {}
