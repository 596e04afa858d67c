use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::{
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use ort::sys::{OrtRunOptions, OrtSession};

use crate::{
    delivery::{Outcome, Promise},
    failure::{Failure, Result, check},
    memory::Memory,
    runtime::QUIET,
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

/// The options of one run, through which another thread can end it.
pub struct RunOptions(pub *mut OrtRunOptions);
// SAFETY: the only thing done from another thread is to set the flag that ONNX Runtime polls.
unsafe impl Send for RunOptions {}
unsafe impl Sync for RunOptions {}

impl RunOptions {
    fn new() -> Result<Self> {
        let mut options = ptr::null_mut();
        check(unsafe { (ort::api().CreateRunOptions)(&mut options) })?;
        let options = Self(options);
        check(unsafe { (ort::api().RunOptionsSetRunLogSeverityLevel)(options.0, QUIET) })?;
        Ok(options)
    }

    fn terminate(&self) {
        let _ = check(unsafe { (ort::api().RunOptionsSetTerminate)(self.0) });
    }
}

impl Drop for RunOptions {
    fn drop(&mut self) {
        unsafe { (ort::api().ReleaseRunOptions)(self.0) }
    }
}

/// What a run does on a lane; the outcome is delivered on the JavaScript thread.
pub type Work = Box<dyn FnOnce(&NativeSession, &RunOptions) -> Result<Outcome> + Send>;

struct Job {
    ticket: Option<u32>,
    options: RunOptions,
    is_cancelled: AtomicBool,
    order: Mutex<Option<(Work, Promise)>>,
}

/// Threads that run one session, each one run at a time, in the order the runs were given.
pub struct Lanes {
    state: Mutex<State>,
    wake: Condvar,
    ended: Condvar,
}

struct State {
    queue: VecDeque<Arc<Job>>,
    active: Vec<Arc<Job>>,
    /// Dropped by the last lane.
    session: Option<Arc<NativeSession>>,
    is_open: bool,
    living: usize,
    memories: Vec<Weak<Memory>>,
    at_end: Vec<Box<dyn FnOnce() + Send>>,
}

/// ONNX Runtime's kernels nest deeper than Rust's default of 2 MiB is meant for. Address space, not memory.
const STACK_BYTES: usize = 8 << 20;

impl Lanes {
    pub fn start(session: Arc<NativeSession>, count: usize) -> Result<Arc<Self>> {
        let lanes = Arc::new(Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                active: Vec::new(),
                session: Some(session),
                is_open: true,
                living: 0,
                memories: Vec::new(),
                at_end: Vec::new(),
            }),
            wake: Condvar::new(),
            ended: Condvar::new(),
        });
        for lane in 0..count {
            let own = lanes.clone();
            lanes.state.lock().unwrap().living += 1;
            let builder = thread::Builder::new().name(format!("ort-lane-{lane}")).stack_size(STACK_BYTES);
            if let Err(error) = builder.spawn(move || own.work()) {
                lanes.state.lock().unwrap().living -= 1;
                lanes.close();
                return Err(Failure::library(format!("a thread cannot be started: {error}")));
            }
        }
        Ok(lanes)
    }

    /// Queues a run or a copy. The ticket is what `cancel` knows it by.
    pub fn submit(&self, ticket: Option<u32>, work: Work, promise: Promise) -> Result<()> {
        let options = RunOptions::new()?;
        let order = Mutex::new(Some((work, promise)));
        let job = Arc::new(Job { ticket, options, is_cancelled: AtomicBool::new(false), order });
        let mut state = self.state.lock().unwrap();
        if !state.is_open {
            return Err(Failure::closed("session"));
        }
        state.queue.push_back(job);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes back a run that waits; one under way ends at ONNX Runtime's next check, between two nodes of the graph.
    pub fn cancel(&self, ticket: u32) {
        let mut state = self.state.lock().unwrap();
        if let Some(place) = state.queue.iter().position(|job| job.ticket == Some(ticket)) {
            let job = state.queue.remove(place);
            drop(state);
            job.iter().for_each(|job| job.refuse(Failure::cancelled("the run was cancelled before it began")));
        } else if let Some(job) = state.active.iter().find(|job| job.ticket == Some(ticket)) {
            job.is_cancelled.store(true, Ordering::Relaxed);
            job.options.terminate();
        }
    }

    /// Ends the runs under way, refuses those that wait, and lets the lanes go. Does not wait for them.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_open = false;
        let waiting = std::mem::take(&mut state.queue);
        for job in &state.active {
            job.is_cancelled.store(true, Ordering::Relaxed);
            job.options.terminate();
        }
        self.wake.notify_all();
        drop(state);
        waiting.iter().for_each(|job| job.refuse(Failure::closed("session")));
    }

    /// Lets what was given come to its end, then the lanes go: nobody can give more.
    pub fn drain(&self) {
        self.state.lock().unwrap().is_open = false;
        self.wake.notify_all();
    }

    /// Blocks until the last lane has left ONNX Runtime and the session is freed.
    pub fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        while state.living > 0 {
            state = self.ended.wait(state).unwrap();
        }
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

    /// Called when the last lane has ended and the session is freed; at once where that has happened.
    pub fn at_end(&self, action: Box<dyn FnOnce() + Send>) {
        let mut state = self.state.lock().unwrap();
        if state.living > 0 {
            state.at_end.push(action);
        } else {
            drop(state);
            action();
        }
    }

    /// The session, unless it is closed.
    pub fn session(&self) -> Result<Arc<NativeSession>> {
        let state = self.state.lock().unwrap();
        let session = state.session.clone().filter(|_| state.is_open);
        session.ok_or_else(|| Failure::closed("session"))
    }

    fn work(&self) {
        while let Some((job, session)) = self.next() {
            job.run(&session);
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
        let actions = std::mem::take(&mut state.at_end);
        drop(state);
        self.ended.notify_all();
        actions.into_iter().for_each(|action| action());
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
    fn run(&self, session: &NativeSession) {
        let Some((work, promise)) = self.order.lock().unwrap().take() else { return };
        let result = catch_unwind(AssertUnwindSafe(|| work(session, &self.options)))
            .unwrap_or_else(|_| Err(Failure { code: "NATIVE_PANIC", text: "the binding panicked in a run".into() }));
        match result {
            Ok(outcome) => promise.settle(outcome),
            Err(failure) if self.is_cancelled.load(Ordering::Relaxed) => {
                promise.reject(Failure::cancelled(failure.text));
            }
            Err(failure) => promise.reject(failure),
        }
    }

    fn refuse(&self, failure: Failure) {
        if let Some((_, promise)) = self.order.lock().unwrap().take() {
            promise.reject(failure);
        }
    }
}
