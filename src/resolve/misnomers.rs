//! Names that people write for distributions which are called otherwise: what a module is called, or a
//! slip of the pen in the name of something that many use. No list of all names is asked of anybody.

use crate::{hint::Hint, python::PackageName};

/// Modules whose distribution has another name.
const MODULES: &[(&str, &str)] = &[
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("crypto", "pycryptodome"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("dicom", "pydicom"),
    ("dotenv", "python-dotenv"),
    ("fitz", "pymupdf"),
    ("gdcm", "python-gdcm"),
    ("git", "gitpython"),
    ("jwt", "pyjwt"),
    ("magic", "python-magic"),
    ("opencv", "opencv-python-headless"),
    ("pil", "pillow"),
    ("serial", "pyserial"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("tensorflow-gpu", "tensorflow"),
    ("usb", "pyusb"),
    ("yaml", "pyyaml"),
    ("zmq", "pyzmq"),
];

/// What images are most often made of.
const KNOWN: &[&str] = &[
    "accelerate",
    "aiohttp",
    "asyncpg",
    "boto3",
    "celery",
    "certifi",
    "click",
    "cryptography",
    "datasets",
    "django",
    "fastapi",
    "flask",
    "gunicorn",
    "httpx",
    "jax",
    "jinja2",
    "keras",
    "lightgbm",
    "matplotlib",
    "modelscope",
    "numba",
    "numpy",
    "onnx",
    "onnxruntime",
    "opencv-python",
    "opencv-python-headless",
    "openpyxl",
    "pandas",
    "pillow",
    "polars",
    "protobuf",
    "psycopg",
    "psycopg2-binary",
    "pyarrow",
    "pydantic",
    "pydicom",
    "pylibjpeg",
    "pylibjpeg-libjpeg",
    "pytest",
    "python-dateutil",
    "python-gdcm",
    "pyyaml",
    "redis",
    "requests",
    "safetensors",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "seaborn",
    "sentencepiece",
    "setuptools",
    "simpleitk",
    "sqlalchemy",
    "starlette",
    "tensorflow",
    "tf2onnx",
    "tokenizers",
    "torch",
    "torchaudio",
    "torchvision",
    "tqdm",
    "transformers",
    "triton",
    "uvicorn",
    "uvloop",
    "werkzeug",
    "xgboost",
];

/// What may be meant by a name that no index has.
pub(super) fn meant(name: &PackageName) -> Option<Hint> {
    let module = MODULES.iter().find(|(module, _)| *module == name.as_str());
    if let Some((_, distribution)) = module {
        return Some(Hint::new(format!("did you mean `{distribution}`?")));
    }
    Hint::did_you_mean(name.as_str(), KNOWN.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_slips_are_recognised() {
        let check = |name: &str, expect: Option<&str>| {
            let hint = meant(&name.parse().unwrap()).map(|hint| hint.to_string());
            assert_eq!(hint.as_deref(), expect.map(|name| format!("did you mean `{name}`?")).as_deref(), "{name}");
        };
        check("nunpy", Some("numpy"));
        check("PIL", Some("pillow"));
        check("tensorfow", Some("tensorflow"));
        check("my-own-thing", None);
        assert!(KNOWN.is_sorted() && MODULES.is_sorted());
    }
}
