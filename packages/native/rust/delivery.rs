use napi::{Env, JsDeferred, Unknown, bindgen_prelude::Object, sys};

use crate::{
    exit,
    failure::{Failure, Result},
    node,
};

/// Makes the value a promise is resolved with. Runs on the JavaScript thread.
pub type Outcome = Box<dyn FnOnce(sys::napi_env) -> Result<sys::napi_value> + Send>;

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Unknown<'static>> + Send>;

/// The right to settle one promise, once, from any thread. While it is pending it keeps the event loop alive; once its
/// environment is gone, what is settled is dropped.
pub struct Promise(JsDeferred<Unknown<'static>, Resolver>);

/// A new promise, and the start of what will settle it. On the JavaScript thread.
pub fn promised(env: &Env, start: impl FnOnce(Promise) -> Result<()>) -> napi::Result<Object<'_>, String> {
    let (deferred, object) = env.create_deferred().map_err(Failure::from)?;
    start(Promise(deferred))?;
    Ok(object)
}

impl Promise {
    pub fn settle(self, outcome: Outcome) {
        if exit::is_exiting() {
            return;
        }
        self.0.resolve(Box::new(move |env| {
            let raw = env.raw();
            match outcome(raw) {
                Ok(value) => Ok(unsafe { Unknown::from_raw_unchecked(raw, value) }),
                Err(failure) => Err(unsafe { Unknown::from_raw_unchecked(raw, node::error(raw, &failure)) }.into()),
            }
        }));
    }

    pub fn reject(self, failure: Failure) {
        self.settle(Box::new(|_| Err(failure)));
    }
}
