use std::{
    cell::RefCell,
    ffi::c_void,
    ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use napi::{Env, Unknown, bindgen_prelude::FromNapiValue, sys};

use crate::{
    exit,
    failure::{Failure, Result},
    node,
};

/// Makes the value a promise is resolved with. Runs on the JavaScript thread.
pub type Outcome = Box<dyn FnOnce(sys::napi_env) -> Result<sys::napi_value> + Send>;

/// Settles promises of one JavaScript environment (the main thread's or a worker's) from any thread. A promise that is
/// pending keeps its event loop alive.
pub struct Delivery {
    /// None once the environment goes away: what is sent after that is dropped.
    function: Mutex<Option<Function>>,
    pending: AtomicUsize,
}

struct Function(sys::napi_threadsafe_function);
// SAFETY: Node allows a thread-safe function to be called from any thread while it lives; the mutex sees to that.
unsafe impl Send for Function {}

/// The right to settle one promise, once.
pub struct Promise {
    deferred: sys::napi_deferred,
    delivery: Arc<Delivery>,
}
// SAFETY: the deferred is only touched on the JavaScript thread; elsewhere it is a number that is carried along.
unsafe impl Send for Promise {}
unsafe impl Sync for Promise {}

struct Parcel {
    promise: Promise,
    outcome: Outcome,
}

thread_local! {
    static DELIVERIES: RefCell<Vec<(sys::napi_env, Arc<Delivery>)>> = const { RefCell::new(Vec::new()) };
}

impl Delivery {
    pub fn of(env: Env) -> Result<Arc<Self>> {
        let raw = env.raw();
        let known = DELIVERIES.with_borrow(|all| all.iter().find(|(key, _)| *key == raw).map(|(_, it)| it.clone()));
        if let Some(delivery) = known {
            return Ok(delivery);
        }
        let delivery = Arc::new(Self { function: Mutex::new(None), pending: AtomicUsize::new(0) });
        *delivery.function.lock().unwrap() = Some(Function(create_function(raw)?));
        // Hooks run last in, first out: this one, which ends the runs, runs before Node frees the function.
        let key = raw as usize;
        let hooked = delivery.clone();
        env.add_env_cleanup_hook(hooked, move |delivery| {
            exit::close_environment(key);
            delivery.function.lock().unwrap().take();
            DELIVERIES.with_borrow_mut(|all| all.retain(|(env, _)| *env as usize != key));
        })?;
        DELIVERIES.with_borrow_mut(|all| all.push((raw, delivery.clone())));
        Ok(delivery)
    }

    /// A new promise as a JavaScript value, and the right to settle it. On the JavaScript thread.
    pub fn promise(self: &Arc<Self>, env: sys::napi_env) -> Result<(Promise, sys::napi_value)> {
        let (mut deferred, mut value) = (ptr::null_mut(), ptr::null_mut());
        node::ok(unsafe { sys::napi_create_promise(env, &mut deferred, &mut value) })?;
        if self.pending.fetch_add(1, Ordering::Relaxed) == 0 {
            self.hold(env, true);
        }
        Ok((Promise { deferred, delivery: self.clone() }, value))
    }

    /// Settles a promise at once. On the JavaScript thread.
    pub fn finish(&self, env: sys::napi_env, deferred: sys::napi_deferred, result: Result<sys::napi_value>) {
        unsafe {
            match result {
                Ok(value) => sys::napi_resolve_deferred(env, deferred, value),
                Err(failure) => sys::napi_reject_deferred(env, deferred, node::error(env, &failure)),
            };
        }
        if self.pending.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.hold(env, false);
        }
    }

    fn hold(&self, env: sys::napi_env, is_held: bool) {
        if let Some(Function(function)) = *self.function.lock().unwrap() {
            let change = if is_held { sys::napi_ref_threadsafe_function } else { sys::napi_unref_threadsafe_function };
            unsafe { change(env, function) };
        }
    }
}

impl Promise {
    pub fn settle(self, outcome: Outcome) {
        if exit::is_exiting() {
            return;
        }
        let delivery = self.delivery.clone();
        let function = delivery.function.lock().unwrap();
        let Some(Function(function)) = *function else { return };
        let parcel = Box::into_raw(Box::new(Parcel { promise: self, outcome }));
        let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        if unsafe { sys::napi_call_threadsafe_function(function, parcel.cast(), mode) } != sys::Status::napi_ok {
            // SAFETY: Node did not take the parcel.
            drop(unsafe { Box::from_raw(parcel) });
        }
    }

    pub fn deferred(&self) -> sys::napi_deferred {
        self.deferred
    }

    pub fn reject(self, failure: Failure) {
        self.settle(Box::new(|_| Err(failure)));
    }
}

/// A promise, and the start of what will settle it. Where that cannot start, the promise is rejected.
pub fn promised<'env>(env: Env, start: impl FnOnce(Promise) -> Result<()>) -> napi::Result<Unknown<'env>, String> {
    let delivery = Delivery::of(env)?;
    let (promise, value) = delivery.promise(env.raw())?;
    let deferred = promise.deferred();
    if let Err(failure) = start(promise) {
        delivery.finish(env.raw(), deferred, Err(failure));
    }
    Ok(unsafe { Unknown::from_napi_value(env.raw(), value) }.map_err(Failure::from)?)
}

fn create_function(env: sys::napi_env) -> Result<sys::napi_threadsafe_function> {
    let name = node::string(env, "millrace-native")?;
    let mut function = ptr::null_mut();
    node::ok(unsafe {
        sys::napi_create_threadsafe_function(
            env,
            ptr::null_mut(),
            ptr::null_mut(),
            name,
            0,
            1,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
            Some(deliver),
            &mut function,
        )
    })?;
    unsafe { sys::napi_unref_threadsafe_function(env, function) };
    Ok(function)
}

/// On the JavaScript thread. The environment is null where it is going away.
unsafe extern "C" fn deliver(env: sys::napi_env, _: sys::napi_value, _: *mut c_void, parcel: *mut c_void) {
    // SAFETY: made by `settle`, and delivered once.
    let Parcel { promise: Promise { deferred, delivery }, outcome } =
        *unsafe { Box::from_raw(parcel.cast::<Parcel>()) };
    if env.is_null() {
        return;
    }
    delivery.finish(env, deferred, outcome(env));
}
