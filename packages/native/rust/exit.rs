//! Nothing may run inside ONNX Runtime while its globals are destroyed, nor read an environment's memory once that is gone:
//! the ends of environments and of the process wait for what is under way.
use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, Once, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use napi::Env;

use crate::{failure::Result, lanes::Lanes};

static EXITING: AtomicBool = AtomicBool::new(false);
static ALL: Mutex<Vec<(usize, Weak<Lanes>)>> = Mutex::new(Vec::new());

thread_local! {
    static IS_HOOKED: Cell<bool> = const { Cell::new(false) };
}

pub fn is_exiting() -> bool {
    EXITING.load(Ordering::Acquire)
}

/// Sees to it that the lanes end before their environment does. On the JavaScript thread.
pub fn watch(env: &Env, lanes: &Arc<Lanes>) -> Result<()> {
    let key = env.raw() as usize;
    if !IS_HOOKED.replace(true) {
        env.add_env_cleanup_hook((), move |()| end(|environment| environment == key))?;
    }
    let mut all = ALL.lock().unwrap();
    all.retain(|(_, weak)| weak.strong_count() > 0);
    all.push((key, Arc::downgrade(lanes)));
    Ok(())
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
    end(|_| true);
}

fn end(is_meant: impl Fn(usize) -> bool) {
    let all: Vec<_> = ALL.lock().unwrap().iter().filter(|(key, _)| is_meant(*key)).cloned().collect();
    let lanes: Vec<_> = all.iter().filter_map(|(_, weak)| weak.upgrade()).collect();
    lanes.iter().for_each(|it| it.close());
    lanes.iter().for_each(|it| it.wait());
}
