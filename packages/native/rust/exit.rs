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

use crate::failure::Result;

/// Work of threads that can be called off, and waited for.
pub trait Ending: Send + Sync {
    fn call_off(&self);
    /// Blocks until its threads have left ONNX Runtime.
    fn wait(&self);
}

type Watched = (usize, Weak<dyn Ending>);

static EXITING: AtomicBool = AtomicBool::new(false);
static ALL: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

thread_local! {
    static IS_HOOKED: Cell<bool> = const { Cell::new(false) };
}

pub fn is_exiting() -> bool {
    EXITING.load(Ordering::Acquire)
}

/// Sees to it that the end of this environment ends what is watched for it. On the JavaScript thread.
pub fn watch_environment(env: &Env) -> Result<usize> {
    let key = env.raw() as usize;
    if !IS_HOOKED.replace(true) {
        env.add_env_cleanup_hook((), move |()| end(|environment| environment == key))?;
    }
    Ok(key)
}

/// Registers what must end before the environment with this key does.
pub fn watch<T: Ending + 'static>(environment: usize, it: &Arc<T>) {
    let weak: Weak<T> = Arc::downgrade(it);
    let mut all = ALL.lock().unwrap();
    all.retain(|(_, weak)| weak.strong_count() > 0);
    all.push((environment, weak));
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

/// Twice, because a model that is loaded at last leaves lanes behind.
fn end(is_meant: impl Fn(usize) -> bool) {
    for _ in 0..2 {
        let all: Vec<Watched> = ALL.lock().unwrap().iter().filter(|(key, _)| is_meant(*key)).cloned().collect();
        let works: Vec<_> = all.iter().filter_map(|(_, weak)| weak.upgrade()).collect();
        works.iter().for_each(|work| work.call_off());
        works.iter().for_each(|work| work.wait());
    }
}
