//! What is known of libraries and modules that no file of an image tells.

/// Libraries that the driver of a graphics card brings into the container (the container toolkit's list).
const DRIVERS: [&str; 16] = [
    "libcuda.so",
    "libcudadebugger.so",
    "libnvidia-",
    "libnvcuvid.so",
    "libnvoptix.so",
    "libEGL_nvidia.so",
    "libGLX_nvidia.so",
    "libGLESv1_CM_nvidia.so",
    "libGLESv2_nvidia.so",
    "libvdpau_nvidia.so",
    "libnvrm_",
    "libnvdla_",
    "libhsa-runtime64.so",
    "libze_loader.so",
    "libneuron",
    "libtpu.so",
];

/// Extension modules that their packages import only where what they need is there, with the beginning of
/// their file names.
const OPTIONAL: [(&str, &str); 6] = [
    ("torio/lib/", "_torio_ffmpeg"),
    ("torchaudio/lib/", "_torchaudio_ffmpeg"),
    ("torio/lib/", "libtorio_ffmpeg"),
    ("numba/np/ufunc/", "tbbpool."),
    ("numba/np/ufunc/", "omppool."),
    ("/lib-dynload/", ""),
];

/// Whether a driver brings the library `name`.
pub(super) fn is_of_driver(name: &str) -> bool {
    DRIVERS.iter().any(|driver| name.starts_with(driver))
}

/// Whether the extension module at `path` is tried, and done without. Those of the standard library too:
/// `tkinter` is in images that nobody looks at.
pub(super) fn is_optional(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = format!("/{folder}/");
    OPTIONAL.iter().any(|(within, begins)| folder.contains(within) && name.starts_with(begins))
}

/// Where the library `name`, which the one at `by` needs, lies when who loads that has loaded it before: Java's launcher
/// begins with the virtual machine itself.
pub(super) fn loaded_before(name: &str, by: &str) -> Option<String> {
    let (folder, _) = by.rsplit_once('/')?;
    (name == "libjvm.so").then(|| format!("{folder}/server/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_and_optional_modules_are_told_by_name() {
        for name in ["libcuda.so.1", "libnvidia-ml.so.1", "libnvcuvid.so.1"] {
            assert!(is_of_driver(name), "{name}");
        }
        for name in ["libcudart.so.12", "libnvrtc.so.12", "libnvinfer.so.8"] {
            assert!(!is_of_driver(name), "{name}");
        }
        assert!(is_optional("usr/lib/python3.11/lib-dynload/_tkinter.cpython-311-x86_64-linux-gnu.so"));
        assert!(is_optional("site/torio/lib/_torio_ffmpeg6.so"));
        assert!(!is_optional("site/torch/_C.cpython-311-x86_64-linux-gnu.so"));
    }
}
