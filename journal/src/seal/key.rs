//! Keys: the private one in a file of its own outside of the journal, the public one as a C2SP
//! *vkey* (<https://c2sp.org/signed-note>): `name+key id+base64(0x01 || public key)`.
//!
//! The private key is a PKCS#8 PEM text, mode 0600, as `openssl genpkey -algorithm ed25519` makes
//! it. The crypto library holds it in memory and wipes it; text and DER on the way are wiped here.
//!
//! Thread: any, cold. Hot path: no.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use zeroize::Zeroizing;

/// Signature type byte of Ed25519 in a signed note.
const TYPE_ED25519: u8 = 0x01;
/// Size of a public key.
pub(crate) const PUBLIC_KEY_BYTES: usize = 32;
/// Size of a signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;
/// What a note's key name begins with; the journal's id follows.
const NAME_PREFIX: &str = "caracal.journal/";
/// A PEM private key is about 120 bytes; more is something else.
const PEM_BYTES_MAX: u64 = 4096;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system refused.
    #[error("cannot {what} the key {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read it.
    #[error(
        "the private key {path} can be read by others (mode {mode:03o}); chmod 600 it, or make \
         another one if somebody may have", path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a private key.
    #[error(
        "{path} is no Ed25519 private key: give a PKCS#8 PEM file, as \
         `openssl genpkey -algorithm ed25519` writes it", path = path.display()
    )]
    NotAPrivateKey {
        /// The file.
        path: PathBuf,
    },
    /// Not a public key.
    #[error(
        "'{text}' is no public key of a journal: give one line as in the file seal.pub, \
         caracal.journal/<id>+<key id>+<base64>"
    )]
    NotAPublicKey {
        /// The beginning of what was found.
        text: String,
    },
    /// The system has no random bytes, or the crypto library refuses.
    #[error("the crypto library cannot {0}")]
    Crypto(&'static str),
}

impl KeyError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}

/// A private key that signs checkpoints. Copies share the one that the crypto library holds.
#[derive(Clone)]
pub struct Key {
    pair: Arc<Ed25519KeyPair>,
}

impl Key {
    /// Makes a fresh key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Crypto`] if the system has no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Crypto("make a key"))?;
        let pair = Arc::new(pair);
        Ok(Self { pair })
    }

    /// Where the private key of the journal in `dir` is kept unless something else is said: beside
    /// the directory and not in it, so that a copy of the journal does not take the key along.
    #[must_use]
    pub fn default_path(dir: &Path) -> PathBuf {
        // Components, so that `data/journal/` gives `data/journal.key`.
        let mut name = dir.components().as_path().as_os_str().to_owned();
        name.push(".key");
        PathBuf::from(name)
    }

    /// Reads a private key from its file.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: it cannot be read, can be read by others, or is none.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let file = File::open(path).map_err(KeyError::io("open", path))?;
        let metadata = file.metadata().map_err(KeyError::io("read", path))?;
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_path_buf();
            return Err(KeyError::Exposed { path, mode });
        }
        let not_a_key = || KeyError::NotAPrivateKey {
            path: path.to_path_buf(),
        };
        if !metadata.is_file() || metadata.len() > PEM_BYTES_MAX {
            return Err(not_a_key());
        }
        let mut pem = Zeroizing::new(Vec::with_capacity(PEM_BYTES_MAX as usize));
        file.take(PEM_BYTES_MAX)
            .read_to_end(&mut pem)
            .map_err(KeyError::io("read", path))?;
        let text = std::str::from_utf8(&pem).map_err(|_| not_a_key())?;
        let der = der_of(text).ok_or_else(not_a_key)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| not_a_key())?;
        let pair = Arc::new(pair);
        Ok(Self { pair })
    }

    /// Reads the private key at `path`, or makes it there, for its owner's eyes only. Says whether
    /// it was made.
    ///
    /// # Errors
    ///
    /// [`KeyError`]. An existing file is never replaced.
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), KeyError> {
        match path.symlink_metadata() {
            Ok(_) => return Ok((Self::load(path)?, false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(KeyError::io("look at", path)(error)),
        }
        let key = Self::generate()?;
        if key.store_new(path)? {
            return Ok((key, true));
        }
        // Another process was faster; its key is the one.
        Ok((Self::load(path)?, false))
    }

    /// Writes the key where there is none: whole or not at all. False if there is one now.
    fn store_new(&self, path: &Path) -> Result<bool, KeyError> {
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(KeyError::io("make a directory for", path))?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let pem = self.pem()?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| {
                file.write_all(pem.as_bytes())?;
                file.sync_all()
            })
            .map_err(KeyError::io("write", &new))?;
        match renameat_with(CWD, &new, CWD, path, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(errno) => {
                std::fs::remove_file(&new).map_err(KeyError::io("remove", &new))?;
                if errno == rustix::io::Errno::EXIST {
                    return Ok(false);
                }
                return Err(KeyError::io("name", path)(errno.into()));
            }
        }
        File::open(parent)
            .and_then(|dir| dir.sync_all())
            .map_err(KeyError::io("sync the directory of", path))?;
        Ok(true)
    }

    fn pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let write = |_| KeyError::Crypto("write a key");
        let der = self.pair.to_pkcs8v1().map_err(write)?;
        let base64 = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let text = [PEM_BEGIN, "\n", &base64, "\n", PEM_END, "\n"].concat();
        Ok(Zeroizing::new(text))
    }

    /// The public half, for the journal with this id.
    #[must_use]
    pub fn public(&self, journal_id: u64) -> PublicKey {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey { journal_id, bytes }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], KeyError> {
        let signed = self.pair.try_sign(message);
        let signed = signed.map_err(|_| KeyError::Crypto("sign a note"))?;
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes.copy_from_slice(signed.as_ref());
        Ok(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(private)")
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.public(0) == other.public(0)
    }
}

impl Eq for Key {}

/// The DER inside of a PEM private key.
fn der_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = text.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let digits: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(digits.as_bytes()).ok().map(Zeroizing::new)
}

/// Name of a journal's key, and first line of its checkpoints.
pub(crate) fn name_of(journal_id: u64) -> String {
    format!("{NAME_PREFIX}{journal_id:016x}")
}

/// The journal's id in a name; strict, so that one id has one name.
pub(crate) fn journal_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(NAME_PREFIX)?;
    let id = u64::from_str_radix(digits, 16).ok()?;
    (name_of(id) == name).then_some(id)
}

fn key_id_of(name: &str, public: &[u8]) -> [u8; 4] {
    let mut input = name.as_bytes().to_vec();
    input.extend_from_slice(&[b'\n', TYPE_ED25519]);
    input.extend_from_slice(public);
    let hash = digest(&SHA256, &input);
    let mut id = [0; 4];
    id.copy_from_slice(&hash.as_ref()[..4]);
    id
}

/// The public key that checks one journal's checkpoints. Its text form is a vkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    journal_id: u64,
    bytes: [u8; PUBLIC_KEY_BYTES],
}

impl PublicKey {
    /// The journal whose notes it checks.
    #[must_use]
    pub const fn journal_id(&self) -> u64 {
        self.journal_id
    }

    /// First four bytes of SHA-256(name || 0x0A || 0x01 || public key).
    pub(crate) fn key_id(&self) -> [u8; 4] {
        key_id_of(&name_of(self.journal_id), &self.bytes)
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn checks(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.bytes)
            .verify(message, signature)
            .is_ok()
    }

    /// Reads a public key from a file that holds its vkey.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`], [`KeyError::NotAPublicKey`].
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(PEM_BYTES_MAX).read_to_string(&mut text))
            .map_err(KeyError::io("read", path))?;
        text.trim_end().parse()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.key_id());
        let mut typed = vec![TYPE_ED25519];
        typed.extend_from_slice(&self.bytes);
        let base64 = STANDARD.encode(typed);
        write!(f, "{}+{id:08x}+{base64}", name_of(self.journal_id))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Reads a vkey; it must be written as [`fmt::Display`] writes it.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let parse = || {
            // Base64 may hold a plus of its own, so only the first two count.
            let mut parts = text.splitn(3, '+');
            let (name, _id, base64) = (parts.next()?, parts.next()?, parts.next()?);
            let typed = STANDARD.decode(base64).ok()?;
            let bytes = typed.strip_prefix(&[TYPE_ED25519])?.try_into().ok()?;
            let journal_id = journal_of(name)?;
            Some(Self { journal_id, bytes }).filter(|key| key.to_string() == text)
        };
        parse().ok_or_else(|| KeyError::NotAPublicKey {
            text: text
                .chars()
                .take_while(|c| !c.is_control())
                .take(80)
                .collect(),
        })
    }
}

#[cfg(test)]
impl Key {
    /// A key that is the same in every run.
    pub(crate) fn fixed(byte: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).unwrap();
        let pair = Arc::new(pair);
        Self { pair }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal.d");
        let path = Key::default_path(&journal);
        assert_eq!(path, dir.path().join("journal.d.key"));
        assert_eq!(Key::default_path(&journal.join("")), path);

        let (key, made) = Key::load_or_create(&path).unwrap();
        assert!(made);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(Key::load_or_create(&path).unwrap(), (key.clone(), false));
        assert_eq!(Key::load(&path).unwrap(), key);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

        assert!(!Key::generate().unwrap().store_new(&path).unwrap());
        assert_eq!(Key::load(&path).unwrap(), key);
    }

    #[test]
    fn key_file_that_is_none_or_exposed_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(matches!(Key::load(&path), Err(KeyError::Io { .. })));
        for text in [
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            let refused = Key::load_or_create(&path);
            assert!(matches!(refused, Err(KeyError::NotAPrivateKey { .. })));
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(
            Key::load(&path),
            Err(KeyError::Exposed { mode: 0o640, .. })
        ));
    }

    /// A key that another tool made: `openssl genpkey -algorithm ed25519`, and the public half as
    /// `openssl pkey -pubout -outform DER` gives it.
    #[test]
    fn key_of_openssl_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        // The secret key of RFC 8032, 7.1, test 1, behind the fixed PKCS#8 prefix.
        let der = [
            "302e020100300506032b657004220420",
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        ];
        let bytes: Vec<u8> = (0..96)
            .step_by(2)
            .map(|i| u8::from_str_radix(&der.concat()[i..i + 2], 16).unwrap())
            .collect();
        let pem = format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(bytes));
        std::fs::write(&path, pem).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let key = Key::load(&path).unwrap();
        let public: String = key
            .public(7)
            .bytes
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            public,
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    /// Goal: key id and signature are those of other implementations. The vectors are the example
    /// in the documentation of Go's `golang.org/x/mod/sumdb/note`.
    #[test]
    fn published_note_has_our_key_id_and_checks() {
        let typed = STANDARD
            .decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
            .unwrap();
        let signed = STANDARD
            .decode(concat!(
                "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng",
                "otpRZb6KE6RyyBwJnAM="
            ))
            .unwrap();
        let id = key_id_of("PeterNeumann", &typed[1..]);
        assert_eq!(id, 0xc74f_20a3_u32.to_be_bytes());
        assert_eq!(id, signed[..4]);
        let text = b"If you think cryptography is the answer to your problem,\n\
                     then you don't know what your problem is.\n";
        let bytes = typed[1..].try_into().unwrap();
        let key = PublicKey {
            journal_id: 0,
            bytes,
        };
        assert!(key.checks(text, &signed[4..]));
        assert!(!key.checks(&text[1..], &signed[4..]));
    }

    #[test]
    fn public_key_has_one_text_form() {
        let key = Key::fixed(1).public(0x00ab_cdef_0123_4567);
        let text = key.to_string();
        assert!(text.starts_with("caracal.journal/00abcdef01234567+"));
        assert_eq!(text.parse::<PublicKey>().unwrap(), key);
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert!(other.parse::<PublicKey>().is_err(), "byte {at}");
        }
        assert!("".parse::<PublicKey>().is_err());
    }
}
