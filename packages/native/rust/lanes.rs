use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use napi::bindgen_prelude::ToNapiValue;
use ort::{
    logging::LogLevel,
    session::RunOptions,
    sys::{OrtSession, OrtSessionOptions},
};

use crate::{
    delivery::Promise,
    failure::{Failure, Result, check},
    memory::Memory,
};

/// A session of ONNX Runtime. `Run` may be called from several threads at once on the CPU.
pub struct NativeSession(pub *mut OrtSession);
// SAFETY: see above; on CUDA there is one lane.
unsafe impl Send for NativeSession {}
unsafe impl Sync for NativeSession {}

impl Drop for NativeSession {
    fn drop(&mut self) {
        unsafe { (ort::api().ReleaseSession)(self.0) }
    }
}

/// What a job on a lane is given when its turn has come, or why that never will.
type Turn<'a> = Result<(&'a NativeSession, &'a Job)>;

struct Job {
    ticket: Option<u32>,
    /// Through them another thread can end the run.
    options: RunOptions,
    is_terminated: AtomicBool,
    /// Settles the job's promise. Taken by whoever ends the job.
    order: Mutex<Option<Order>>,
}

type Order = Box<dyn FnOnce(Turn) + Send>;

/// Threads that load one session and run it, each one run at a time, in the order the runs were given.
#[derive(Default)]
pub struct Lanes {
    state: Mutex<State>,
    wake: Condvar,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Job>>,
    active: Vec<Arc<Job>>,
    /// The options of the model that is being loaded, as an address.
    loading: Option<usize>,
    /// Dropped by the last lane.
    session: Option<Arc<NativeSession>>,
    is_open: bool,
    living: usize,
    memories: Vec<Weak<Memory>>,
    /// To be settled when the last lane has ended.
    closings: Vec<Promise<()>>,
}

/// ONNX Runtime's kernels nest deeper than Rust's default of 2 MiB is meant for. Address space, not memory.
const STACK_BYTES: usize = 8 << 20;

impl Lanes {
    /// Starts the first lane, which calls `make`; that opens the session, or closes the lanes.
    pub fn start(make: impl FnOnce(&Arc<Self>) + Send + 'static) -> Result<Arc<Self>> {
        let lanes = Arc::new(Self::default());
        lanes.state.lock().unwrap().is_open = true;
        lanes.spawn(make)?;
        Ok(lanes)
    }

    /// Takes the session up, with so many lanes in all.
    pub fn open(self: &Arc<Self>, session: Arc<NativeSession>, count: usize) -> Result<()> {
        self.state.lock().unwrap().session = Some(session);
        (1..count).try_for_each(|_| self.spawn(|_| {}))
    }

    fn spawn(self: &Arc<Self>, begin: impl FnOnce(&Arc<Self>) + Send + 'static) -> Result<()> {
        let own = self.clone();
        self.state.lock().unwrap().living += 1;
        let lane = move || {
            if catch_unwind(AssertUnwindSafe(|| begin(&own))).is_err() {
                own.close();
            }
            own.work();
        };
        let builder = thread::Builder::new().name("ort-lane".into()).stack_size(STACK_BYTES);
        builder.spawn(lane).map(|_| ()).map_err(|error| {
            self.state.lock().unwrap().living -= 1;
            Failure::library(format!("a thread cannot be started: {error}"))
        })
    }

    /// Loads the model, which closing the lanes calls off.
    pub fn load<T>(&self, options: *mut OrtSessionOptions, load: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut state = self.state.lock().unwrap();
        if !state.is_open {
            return Err(Failure::cancelled("the model was not loaded: its environment ends"));
        }
        state.loading = Some(options as usize);
        drop(state);
        let result = load();
        self.state.lock().unwrap().loading = None;
        result
    }

    /// Queues a run or a copy. The ticket is what `cancel` knows it by.
    pub fn submit<T: ToNapiValue + Send + 'static>(
        &self,
        ticket: Option<u32>,
        promise: Promise<T>,
        work: impl FnOnce(&NativeSession, &RunOptions) -> Result<T> + Send + 'static,
    ) {
        let options = match quiet_options() {
            Ok(options) => options,
            Err(failure) => return promise.settle(Err(failure)),
        };
        let order = move |turn: Turn| promise.settle(turn.and_then(|(session, job)| job.attempt(session, work)));
        let order = Mutex::new(Some(Box::new(order) as Order));
        let job = Arc::new(Job { ticket, options, is_terminated: AtomicBool::new(false), order });
        let mut state = self.state.lock().unwrap();
        if state.is_open {
            state.queue.push_back(job);
            self.wake.notify_one();
        } else {
            drop(state);
            job.end(Err(Failure::closed("session")));
        }
    }

    /// Takes back a run that waits; one under way ends at ONNX Runtime's next check, between two nodes of the graph.
    pub fn cancel(&self, ticket: u32) {
        let mut state = self.state.lock().unwrap();
        if let Some(place) = state.queue.iter().position(|job| job.ticket == Some(ticket)) {
            let job = state.queue.remove(place);
            drop(state);
            job.iter().for_each(|job| job.end(Err(Failure::cancelled("the run was cancelled before it began"))));
        } else if let Some(job) = state.active.iter().find(|job| job.ticket == Some(ticket)) {
            job.terminate();
        }
    }

    /// Ends the loading and the runs under way, refuses those that wait, and lets the lanes go. Does not wait for them.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_open = false;
        let waiting = std::mem::take(&mut state.queue);
        if let Some(options) = state.loading {
            // SAFETY: the options live as long as their address is here.
            let _ = check(unsafe { (ort::api().SessionOptionsSetLoadCancellationFlag)(options as *mut _, true) });
        }
        for job in &state.active {
            job.terminate();
        }
        self.wake.notify_all();
        drop(state);
        waiting.iter().for_each(|job| job.end(Err(Failure::closed("session"))));
    }

    /// Lets what was given come to its end, then the lanes go: nobody can give more.
    pub fn drain(&self) {
        self.state.lock().unwrap().is_open = false;
        self.wake.notify_all();
    }

    /// Registers memory that is given back with the session.
    pub fn keep(&self, memory: &Arc<Memory>) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        if !state.is_open {
            return Err(Failure::closed("session"));
        }
        state.memories.retain(|weak| weak.strong_count() > 0);
        state.memories.push(Arc::downgrade(memory));
        Ok(())
    }

    /// Closes, and settles the promise when the last lane has ended and the session is freed.
    pub fn close_for(&self, promise: Promise<()>) {
        self.close();
        let mut state = self.state.lock().unwrap();
        if state.living > 0 {
            state.closings.push(promise);
        } else {
            drop(state);
            promise.settle(Ok(()));
        }
    }

    /// The session, unless it is closed.
    pub fn session(&self) -> Result<Arc<NativeSession>> {
        let state = self.state.lock().unwrap();
        let session = state.session.clone().filter(|_| state.is_open);
        session.ok_or_else(|| Failure::closed("session"))
    }

    /// Blocks until the last lane has left ONNX Runtime and the session is freed.
    pub fn wait(&self) {
        let _ended = self.ended.wait_while(self.state.lock().unwrap(), |state| state.living > 0);
    }

    fn work(&self) {
        while let Some((job, session)) = self.next() {
            job.end(Ok((&session, &job)));
            drop(session);
            self.state.lock().unwrap().active.retain(|it| !Arc::ptr_eq(it, &job));
        }
        let mut state = self.state.lock().unwrap();
        if state.living > 1 {
            state.living -= 1;
            return;
        }
        let (session, memories) = (state.session.take(), std::mem::take(&mut state.memories));
        drop(state);
        memories.iter().filter_map(Weak::upgrade).for_each(|memory| memory.close());
        drop(session);
        let mut state = self.state.lock().unwrap();
        state.living = 0;
        let closings = std::mem::take(&mut state.closings);
        drop(state);
        self.ended.notify_all();
        closings.into_iter().for_each(|promise| promise.settle(Ok(())));
    }

    fn next(&self) -> Option<(Arc<Job>, Arc<NativeSession>)> {
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.active.push(job.clone());
                return state.session.clone().map(|session| (job, session));
            }
            if !state.is_open {
                return None;
            }
            state = self.wake.wait(state).unwrap();
        }
    }
}

impl Job {
    fn end(&self, turn: Turn) {
        let order = self.order.lock().unwrap().take();
        if let Some(order) = order {
            order(turn);
        }
    }

    fn terminate(&self) {
        self.is_terminated.store(true, Ordering::Relaxed);
        let _ = self.options.terminate();
    }

    fn attempt<T>(
        &self,
        session: &NativeSession,
        work: impl FnOnce(&NativeSession, &RunOptions) -> Result<T>,
    ) -> Result<T> {
        let result = catch_unwind(AssertUnwindSafe(|| work(session, &self.options)))
            .unwrap_or_else(|_| Err(Failure::of("NATIVE_PANIC", "the binding panicked in a run")));
        result.map_err(|failure| match self.is_terminated.load(Ordering::Relaxed) {
            true => Failure::cancelled(failure.text),
            false => failure,
        })
    }
}

/// Only what is fatal is logged: errors are thrown with their whole text.
fn quiet_options() -> Result<RunOptions> {
    let mut options = RunOptions::new()?;
    options.set_log_level(LogLevel::Fatal)?;
    Ok(options)
}
