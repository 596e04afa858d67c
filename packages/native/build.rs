fn main() {
    napi_build::setup();
    // Node closes an addon when the worker that loaded it ends; threads may still be on their last instructions.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
