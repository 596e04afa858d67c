use napi::{
    Env, JsDeferred,
    bindgen_prelude::{Object, ToNapiValue},
};

use crate::{
    exit,
    failure::{Failure, Result},
};

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

/// The right to settle one promise, once, from any thread. While it is pending it keeps the event loop alive; once its
/// environment is gone, what is settled is dropped.
pub struct Promise<T: ToNapiValue + Send + 'static>(JsDeferred<T, Resolver<T>>);

/// A new promise, and the start of what will settle it. On the JavaScript thread.
pub fn promised<T: ToNapiValue + Send + 'static>(
    env: &Env,
    start: impl FnOnce(Promise<T>),
) -> napi::Result<Object<'_>, String> {
    let (deferred, object) = env.create_deferred().map_err(Failure::from)?;
    start(Promise(deferred));
    Ok(object)
}

impl<T: ToNapiValue + Send + 'static> Promise<T> {
    pub fn settle(self, result: Result<T>) {
        if !exit::is_exiting() {
            self.0.resolve(Box::new(move |env| result.map_err(|failure| failure.thrown(env))));
        }
    }
}
