//! Runs ONNX models off the JavaScript thread, over the ONNX Runtime library that is there already.
//!
//! A session has threads of its own, its lanes, and one copy of the weights. Inputs are copied in and outputs copied out;
//! buffers stay where they are between runs. JavaScript's face is `src/index.ts`.
mod buffer;
mod cuda;
mod delivery;
mod exit;
mod failure;
mod lanes;
mod memory;
mod runtime;
mod session;
mod telemetry;
mod tensor;
