use std::collections::HashMap;

use napi_derive::napi;
use ort::sys::GraphOptimizationLevel;

use crate::{
    failure::{Failure, Result},
    memory::Place,
};

#[napi(object)]
pub struct SessionOptions {
    /// `cpu` (the default) or `cuda:N`.
    pub device: Option<String>,
    /// Runs at the same time on one copy of the weights; one on CUDA, whatever is asked for.
    pub lanes: Option<u32>,
    /// Threads that share one run. 1 by default.
    pub threads: Option<u32>,
    /// `none`, `basic` (the default), `extended` or `all`.
    #[napi(ts_type = "\"none\" | \"basic\" | \"extended\" | \"all\"")]
    pub optimization: Option<String>,
    /// CUDA: bytes the session's arena may take.
    pub memory_limit: Option<f64>,
    /// CUDA: whether the arena grows by powers of two, ONNX Runtime's default, or by what is asked for.
    #[napi(ts_type = "\"power-of-two\" | \"as-requested\"")]
    pub arena_growth: Option<String>,
    /// CUDA: lets 32-bit products use TF32.
    pub tf32: Option<bool>,
    /// CUDA: the kernels that attention may choose from; by default what ONNX Runtime's environment variables say.
    #[napi(ts_type = "(\"flash\" | \"efficient\" | \"tensorrt\" | \"cudnn\" | \"math\" | \"lean\")[]")]
    pub attention: Option<Vec<String>>,
    /**
     * CUDA: captures the first bound run as a graph and replays it. What is replayed are addresses, so bind every input and
     * output, each time the same buffers on the GPU with the same dimensions, and write what changes into them. Each node
     * must run on the GPU, and there may be no control flow. `run` is refused: its inputs lie elsewhere each time.
     */
    pub cuda_graph: Option<bool>,
    /// Session configuration entries, passed on as they are.
    pub entries: Option<HashMap<String, String>>,
}

/// How a session is made, checked.
pub struct Plan {
    pub place: Place,
    pub lanes: usize,
    pub threads: i32,
    pub optimization: GraphOptimizationLevel,
    pub entries: Vec<(String, String)>,
    /// Whether it captures a CUDA graph.
    pub is_captured: bool,
    /// Of the CUDA provider.
    pub cuda: Vec<(String, String)>,
}

const OPTIMIZATIONS: [(&str, GraphOptimizationLevel); 4] = [
    ("none", GraphOptimizationLevel::ORT_DISABLE_ALL),
    ("basic", GraphOptimizationLevel::ORT_ENABLE_BASIC),
    ("extended", GraphOptimizationLevel::ORT_ENABLE_EXTENDED),
    ("all", GraphOptimizationLevel::ORT_ENABLE_ALL),
];
const ARENA_GROWTHS: [(&str, &str); 2] = [("power-of-two", "kNextPowerOfTwo"), ("as-requested", "kSameAsRequested")];
/// Bits of the provider's `sdpa_kernel`.
const ATTENTIONS: [(&str, u32); 6] =
    [("flash", 1), ("efficient", 2), ("tensorrt", 4 | 32 | 64 | 128), ("cudnn", 8), ("math", 16), ("lean", 256)];

impl Plan {
    pub fn of(options: SessionOptions) -> Result<Self> {
        let place = place(options.device.as_deref().unwrap_or("cpu"))?;
        let optimization = named("optimization", &OPTIMIZATIONS, options.optimization.as_deref().unwrap_or("basic"))?;
        let is_captured = options.cuda_graph == Some(true);
        let cuda = cuda_settings(&options)?;
        let (lanes, cuda) = match place {
            Place::Cpu if cuda.is_empty() => (count("lanes", options.lanes)?, cuda),
            Place::Cpu => return Err(Failure::invalid(format!("{} is set, which is for a CUDA device", cuda[0].0))),
            Place::Cuda(device) => (1, [cuda, vec![("device_id", device.to_string())]].concat()),
        };
        let threads = count("threads", options.threads)?;
        let cuda = cuda.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let entries = options.entries.unwrap_or_default().into_iter().collect();
        Ok(Self { place, lanes: lanes as usize, threads: threads as i32, optimization, entries, is_captured, cuda })
    }
}

pub fn place(device: &str) -> Result<Place> {
    match device.strip_prefix("cuda:").map(str::parse) {
        Some(Ok(number @ 0..=1023)) => Ok(Place::Cuda(number)),
        None if device == "cpu" => Ok(Place::Cpu),
        _ => Err(Failure::invalid(format!("a device is cpu or cuda:N, not \"{device}\""))),
    }
}

fn cuda_settings(options: &SessionOptions) -> Result<Vec<(&'static str, String)>> {
    let growth = options.arena_growth.as_deref().map(|name| named("arena growth", &ARENA_GROWTHS, name)).transpose()?;
    let kernels = |names: &Vec<String>| {
        names.iter().try_fold(0, |all, name| named("attention", &ATTENTIONS, name).map(|bit| all | bit))
    };
    let kernels = options.attention.as_ref().map(kernels).transpose()?;
    let flag = |on: bool| u8::from(on).to_string();
    let settings = [
        ("gpu_mem_limit", options.memory_limit.map(|bytes| format!("{bytes:.0}"))),
        ("arena_extend_strategy", growth.map(str::to_owned)),
        ("use_tf32", options.tf32.map(flag)),
        ("sdpa_kernel", kernels.map(|bits: u32| bits.to_string())),
        ("enable_cuda_graph", options.cuda_graph.map(flag)),
    ];
    Ok(settings.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

fn named<T: Copy>(what: &str, all: &[(&str, T)], name: &str) -> Result<T> {
    let found = all.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| Failure::invalid(format!("there is no {what} \"{name}\"")))
}

fn count(name: &str, count: Option<u32>) -> Result<u32> {
    match count.unwrap_or(1) {
        count @ 1..=1024 => Ok(count),
        count => Err(Failure::invalid(format!("{name} must be 1 to 1024, not {count}"))),
    }
}
