use std::sync::Mutex;

use napi::{Env, Task, bindgen_prelude::AsyncTask};
use napi_derive::napi;
use nvml_wrapper::{
    Device, Nvml,
    enum_wrappers::device::{Clock, TemperatureSensor},
    error::NvmlError,
};

/// A GPU as NVIDIA's management library sees it. What it does not tell of this one is not there.
#[napi(object, object_from_js = false)]
pub struct Gpu {
    /// As in `cuda:N`, unless `CUDA_VISIBLE_DEVICES` or `CUDA_DEVICE_ORDER` say otherwise.
    pub index: u32,
    pub name: Option<String>,
    pub uuid: Option<String>,
    /// Percent of the last moments in which a kernel ran.
    pub utilization: Option<u32>,
    /// Bytes that all processes and the driver take.
    pub memory_used: Option<f64>,
    /// Bytes there are.
    pub memory_total: Option<f64>,
    /// Watts.
    pub power: Option<f64>,
    /// MHz of the streaming multiprocessors.
    pub clock: Option<u32>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
}

#[napi(object, object_from_js = false)]
pub struct Telemetry {
    pub gpus: Vec<Gpu>,
    /// Why there are none.
    pub why: Option<String>,
}

pub struct Reading {
    library: String,
}

/// Reads all GPUs on a thread of Node's pool, in milliseconds but for the first time, which starts the library.
#[napi(ts_return_type = "Promise<Telemetry>")]
pub fn read_telemetry(library: String) -> AsyncTask<Reading> {
    AsyncTask::new(Reading { library })
}

impl Task for Reading {
    type Output = Telemetry;
    type JsValue = Telemetry;

    fn compute(&mut self) -> napi::Result<Telemetry> {
        let (gpus, why) = match read(&self.library) {
            Ok(gpus) if gpus.is_empty() => (gpus, Some("the driver knows no GPU".to_owned())),
            Ok(gpus) => (gpus, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Ok(Telemetry { gpus, why })
    }

    fn resolve(&mut self, _: Env, telemetry: Telemetry) -> napi::Result<Telemetry> {
        Ok(telemetry)
    }
}

/// Kept open: starting it anew wakes GPUs that sleep.
static OPEN: Mutex<Option<(String, Nvml)>> = Mutex::new(None);

fn read(library: &str) -> Result<Vec<Gpu>, NvmlError> {
    let mut open = OPEN.lock().unwrap();
    if open.as_ref().is_none_or(|(path, _)| path != library) {
        *open = Some((library.to_owned(), Nvml::builder().lib_path(library.as_ref()).init()?));
    }
    let Some((_, nvml)) = &*open else { return Ok(Vec::new()) };
    (0..nvml.device_count()?).map(|index| Ok(describe(index, &nvml.device_by_index(index)?))).collect()
}

fn describe(index: u32, device: &Device) -> Gpu {
    let memory = device.memory_info().ok();
    Gpu {
        index,
        name: device.name().ok(),
        uuid: device.uuid().ok(),
        utilization: device.utilization_rates().ok().map(|rates| rates.gpu),
        memory_used: memory.as_ref().map(|it| it.used as f64),
        memory_total: memory.as_ref().map(|it| it.total as f64),
        power: device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0),
        clock: device.clock_info(Clock::SM).ok(),
        temperature: device.temperature(TemperatureSensor::Gpu).ok(),
    }
}
