//! The binary under test: built once for each test process, in the profile of the tests themselves.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names a binary that is tested instead of building one, e.g. the one of a release.
const BINARY_VARIABLE: &str = "BACKFLEET_BINARY";

/// The path of `backfleet`.
pub fn backfleet() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os(BINARY_VARIABLE).map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let folder = profile_folder();
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    // The folder of the profile `dev` is `debug`, all others have their profile's name.
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} names no profile", folder.display()),
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "backfleet", "--bin", "backfleet", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "the binary under test does not build");
    folder.join(format!("backfleet{}", env::consts::EXE_SUFFIX))
}

/// `target/<profile>`, from where this very test lies: `target/<profile>/deps/<test>`.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("a process knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
    folder.to_owned()
}
