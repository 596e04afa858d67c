//! Nothing may run inside ONNX Runtime while its globals are destroyed: environments and the process wait for the runs.
use std::sync::{
    Arc, Condvar, Mutex, Once, Weak,
    atomic::{AtomicBool, Ordering},
};

use ort::sys::OrtSessionOptions;

use crate::lanes::Lanes;

static EXITING: AtomicBool = AtomicBool::new(false);
static LANES: Mutex<Vec<(usize, Weak<Lanes>)>> = Mutex::new(Vec::new());
static LOADING: Mutex<Vec<usize>> = Mutex::new(Vec::new());
/// Threads that make sessions.
static MAKING: Mutex<usize> = Mutex::new(0);
static MADE: Condvar = Condvar::new();

pub fn is_exiting() -> bool {
    EXITING.load(Ordering::Acquire)
}

/// Registers what must end before the environment with this key does.
pub fn watch(environment: usize, lanes: &Arc<Lanes>) {
    let mut all = LANES.lock().unwrap();
    all.retain(|(_, weak)| weak.strong_count() > 0);
    all.push((environment, Arc::downgrade(lanes)));
}

/// Makes a session and its lanes; the end of the process waits for it.
pub fn while_making(make: impl FnOnce()) {
    *MAKING.lock().unwrap() += 1;
    make();
    *MAKING.lock().unwrap() -= 1;
    MADE.notify_all();
}

/// Loads a model; the end of the process calls the loading off.
pub fn while_loading<T>(options: *mut OrtSessionOptions, load: impl FnOnce() -> T) -> T {
    LOADING.lock().unwrap().push(options as usize);
    let result = load();
    LOADING.lock().unwrap().retain(|it| *it != options as usize);
    result
}

/// Ends the runs of an environment that goes away, and waits until its threads have left ONNX Runtime.
pub fn close_environment(environment: usize) {
    close(|key| key == environment);
}

/// Once ONNX Runtime is loaded: handlers run last in, first out, so this one runs before the library's destructors.
pub fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        unsafe { libc::atexit(at_exit) };
    });
}

extern "C" fn at_exit() {
    EXITING.store(true, Ordering::Release);
    close(|_| true);
    for options in LOADING.lock().unwrap().iter() {
        // SAFETY: the loading thread frees the options only after it has taken them off this list.
        let status = unsafe { (ort::api().SessionOptionsSetLoadCancellationFlag)(*options as *mut _, true) };
        let _ = crate::failure::check(status);
    }
    let mut making = MAKING.lock().unwrap();
    while *making > 0 {
        making = MADE.wait(making).unwrap();
    }
}

fn close(is_meant: impl Fn(usize) -> bool) {
    let all: Vec<_> = LANES.lock().unwrap().iter().filter(|(key, _)| is_meant(*key)).cloned().collect();
    let lanes: Vec<_> = all.iter().filter_map(|(_, weak)| weak.upgrade()).collect();
    lanes.iter().for_each(|it| it.close());
    lanes.iter().for_each(|it| it.wait());
}
