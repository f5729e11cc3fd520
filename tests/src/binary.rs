//! The programs under test: built once for each test process, in the profile of the tests themselves.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names a folder with both programs, which are tested instead of building any: those of an image, say.
const FOLDER_VARIABLE: &str = "BACKFLEET_BIN";

/// The path of `backfleet`.
pub fn backfleet() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program("backfleet"))
}

/// The path of `backfleet-worker`.
pub fn worker() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program("backfleet-worker"))
}

fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| env::var_os(FOLDER_VARIABLE).map_or_else(build, PathBuf::from));
    let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{FOLDER_VARIABLE} names a folder without {name}: {}", folder.display());
    program
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
        .args(["build", "--quiet", "--package", "backfleet", "--package", "backfleet-worker"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "the programs under test do not build");
    folder
}

/// `target/<profile>`, from where this very test lies: `target/<profile>/deps/<test>`.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("a process knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
    folder.to_owned()
}
