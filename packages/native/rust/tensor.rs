use std::{ffi::c_void, ptr};

use napi::{JsValue, Unknown, ValueType, bindgen_prelude::Object, sys};
use ort::sys::{ONNXTensorElementDataType as Onnx, OrtMemoryInfo, OrtValue};

use crate::{
    failure::{Failure, Result, check},
    node,
};

/// A number format: its name, ONNX's, the typed array that carries it, and the bytes of an element.
#[derive(Clone, Copy)]
pub struct Format {
    pub name: &'static str,
    pub onnx: Onnx,
    array: i32,
    pub bytes: usize,
}

/// Half floats travel as 16-bit words, since not every Node has an array for them.
const FORMATS: [Format; 13] = {
    use Onnx::*;
    use sys::TypedarrayType as T;
    const fn format(name: &'static str, onnx: Onnx, array: i32, bytes: usize) -> Format {
        Format { name, onnx, array, bytes }
    }
    [
        format("float32", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, T::float32_array, 4),
        format("float16", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, T::uint16_array, 2),
        format("bfloat16", ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, T::uint16_array, 2),
        format("float64", ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, T::float64_array, 8),
        format("int64", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, T::bigint64_array, 8),
        format("int32", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, T::int32_array, 4),
        format("int16", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, T::int16_array, 2),
        format("int8", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, T::int8_array, 1),
        format("uint64", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, T::biguint64_array, 8),
        format("uint32", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, T::uint32_array, 4),
        format("uint16", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, T::uint16_array, 2),
        format("uint8", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, T::uint8_array, 1),
        format("bool", ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, T::uint8_array, 1),
    ]
};

impl Format {
    pub fn named(name: &str) -> Result<Self> {
        let found = FORMATS.iter().find(|format| format.name == name);
        found.copied().ok_or_else(|| Failure::invalid(format!("there is no tensor type \"{name}\"")))
    }

    fn of(onnx: Onnx) -> Result<Self> {
        let found = FORMATS.iter().find(|format| format.onnx as u32 == onnx as u32);
        found.copied().ok_or_else(|| Failure::invalid(format!("a tensor of {onnx:?} cannot be taken to JavaScript")))
    }
}

/// Dimensions from JavaScript, and the bytes they hold.
pub fn shape(format: Format, dims: &[f64]) -> Result<(Vec<i64>, usize)> {
    let whole = |dim: &f64| (*dim >= 0.0 && dim.fract() == 0.0 && *dim <= i64::MAX as f64 / 2.0).then_some(*dim as i64);
    let refused =
        || Failure::invalid(format!("dimensions must be whole numbers of a size that fits in memory: {dims:?}"));
    let shape = dims.iter().map(whole).collect::<Option<Vec<i64>>>().ok_or_else(refused)?;
    let elements = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim as usize));
    let bytes =
        elements.and_then(|count| count.checked_mul(format.bytes)).filter(|bytes| *bytes <= isize::MAX as usize);
    Ok((shape, bytes.ok_or_else(refused)?))
}

/// The bytes of a typed array, shared memory included, valid until JavaScript runs again.
pub struct ArrayView {
    kind: i32,
    data: *mut c_void,
    pub bytes: usize,
}

impl ArrayView {
    pub fn of(value: &Unknown) -> Result<Self> {
        let (env, raw) = (value.value().env, value.raw());
        let mut is_array = false;
        node::ok(unsafe { sys::napi_is_typedarray(env, raw, &mut is_array) })?;
        if !is_array {
            return Err(Failure::invalid("a tensor's data must be a typed array"));
        }
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
        node::ok(unsafe {
            sys::napi_get_typedarray_info(env, raw, &mut kind, &mut length, &mut data, buffer, offset)
        })?;
        // What Float16Array will be, 11, holds the same words as Uint16Array.
        let kind = if kind == 11 { sys::TypedarrayType::uint16_array } else { kind };
        let size = FORMATS.iter().find(|format| format.array == kind).map_or(1, |format| format.bytes);
        Ok(Self { kind, data, bytes: if data.is_null() { 0 } else { length * size } })
    }

    pub fn require(&self, format: Format) -> Result<()> {
        if self.kind == format.array {
            return Ok(());
        }
        Err(Failure::invalid(format!("this typed array does not hold {}", format.name)))
    }

    /// Copies all of it to memory that is the processor's. Another thread may write to shared memory meanwhile.
    pub fn copy_to(&self, target: *mut u8) {
        if self.bytes > 0 {
            unsafe { ptr::copy_nonoverlapping(self.data.cast::<u8>(), target, self.bytes) };
        }
    }

    pub fn as_ptr(&self) -> *const c_void {
        self.data
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
        info: *const OrtMemoryInfo,
        (data, bytes): (*mut u8, usize),
        (format, dims): (Format, &[i64]),
    ) -> Result<Self> {
        let mut raw = ptr::null_mut();
        let (data, shape, rank) = (data.cast(), dims.as_ptr(), dims.len());
        check(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(info, data, bytes, shape, rank, format.onnx, &mut raw)
        })?;
        Ok(Self::from_raw(raw))
    }

    /// Copies `{ type, dims, data }`, so that what JavaScript does to its array later is of no matter.
    pub fn copied(tensor: &Unknown) -> Result<Self> {
        let wrong = |_| Failure::invalid("a tensor is { type, dims, data }");
        let none = || Failure::invalid("a tensor is { type, dims, data }");
        if tensor.get_type().map_err(wrong)? != ValueType::Object {
            return Err(none());
        }
        let tensor = Object::from_raw(tensor.value().env, tensor.raw());
        let name: String = tensor.get("type").map_err(wrong)?.ok_or_else(none)?;
        let dims: Vec<f64> = tensor.get("dims").map_err(wrong)?.ok_or_else(none)?;
        let data: Unknown = tensor.get("data").map_err(wrong)?.ok_or_else(none)?;
        let format = Format::named(&name)?;
        let (dims, bytes) = shape(format, &dims)?;
        let view = ArrayView::of(&data)?;
        view.require(format)?;
        if view.bytes != bytes {
            let held = view.bytes / format.bytes;
            return Err(Failure::invalid(format!("dimensions {dims:?} do not fit {held} elements")));
        }
        // Words of eight bytes, so that every format is aligned; one at least, so that there is an address.
        let mut memory = vec![0u64; bytes.div_ceil(8).max(1)];
        view.copy_to(memory.as_mut_ptr().cast());
        let mut info = ptr::null_mut();
        let api = ort::api();
        let place = (memory.as_mut_ptr().cast(), bytes);
        let value = unsafe {
            use ort::sys::{OrtAllocatorType::OrtArenaAllocator, OrtMemType::OrtMemTypeDefault};
            check((api.CreateCpuMemoryInfo)(OrtArenaAllocator, OrtMemTypeDefault, &mut info))?;
            let made = Self::over(info, place, (format, &dims));
            (api.ReleaseMemoryInfo)(info);
            made
        };
        value.map(|mut value| {
            value._memory = memory;
            value
        })
    }

    pub fn data(&self) -> Result<*mut u8> {
        let mut data = ptr::null_mut();
        check(unsafe { (ort::api().GetTensorMutableData)(self.raw, &mut data) })?;
        Ok(data.cast())
    }

    fn description(&self) -> Result<(Format, Vec<i64>)> {
        let api = ort::api();
        let mut is_tensor = 0;
        if self.raw.is_null() {
            return Err(Failure::invalid("an output has no value"));
        }
        check(unsafe { (api.IsTensor)(self.raw, &mut is_tensor) })?;
        if is_tensor == 0 {
            return Err(Failure::invalid("an output is not a tensor"));
        }
        let mut info = ptr::null_mut();
        check(unsafe { (api.GetTensorTypeAndShape)(self.raw, &mut info) })?;
        let (mut onnx, mut count) = (Onnx::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, 0);
        let read = check(unsafe { (api.GetTensorElementType)(info, &mut onnx) })
            .and_then(|()| check(unsafe { (api.GetDimensionsCount)(info, &mut count) }))
            .and_then(|()| {
                let mut dims = vec![0; count];
                check(unsafe { (api.GetDimensions)(info, dims.as_mut_ptr(), count) }).map(|()| dims)
            });
        unsafe { (api.ReleaseTensorTypeAndShapeInfo)(info) };
        Ok((Format::of(onnx)?, read?))
    }

    /// `{ type, dims, data }` with a copy of the data.
    pub fn to_js(&self, env: sys::napi_env) -> Result<sys::napi_value> {
        let (format, dims) = self.description()?;
        let elements = dims.iter().product::<i64>() as usize;
        let data = array(env, format, elements, |target| {
            unsafe { ptr::copy_nonoverlapping(self.data()?, target, elements * format.bytes) };
            Ok(())
        })?;
        let object = node::object(env)?;
        node::set(env, object, "type", node::string(env, format.name)?)?;
        node::set(env, object, "dims", numbers(env, &dims)?)?;
        node::set(env, object, "data", data)?;
        Ok(object)
    }
}

/// A new typed array, filled by `fill` unless it is empty.
pub fn array(
    env: sys::napi_env,
    format: Format,
    elements: usize,
    fill: impl FnOnce(*mut u8) -> Result<()>,
) -> Result<sys::napi_value> {
    let (mut memory, mut buffer, mut value) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    node::ok(unsafe { sys::napi_create_arraybuffer(env, elements * format.bytes, &mut memory, &mut buffer) })?;
    if elements > 0 {
        fill(memory.cast())?;
    }
    node::ok(unsafe { sys::napi_create_typedarray(env, format.array, elements, buffer, 0, &mut value) })?;
    Ok(value)
}

fn numbers(env: sys::napi_env, dims: &[i64]) -> Result<sys::napi_value> {
    let mut list = ptr::null_mut();
    node::ok(unsafe { sys::napi_create_array_with_length(env, dims.len(), &mut list) })?;
    for (index, dim) in dims.iter().enumerate() {
        let mut value = ptr::null_mut();
        node::ok(unsafe { sys::napi_create_int64(env, *dim, &mut value) })?;
        node::ok(unsafe { sys::napi_set_element(env, list, index as u32, value) })?;
    }
    Ok(list)
}
