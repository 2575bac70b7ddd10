//! Extended attributes of files and folders. POSIX ACLs and the capabilities of executables are such attributes, too.
//!
//! They come from a vault and are not trusted: what no kernel would take is refused when it is read, and what a backup
//! does not keep is not set.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// What the kernel takes at most: of a name, and of a value.
const MAX_NAME: usize = 255;
const MAX_VALUE: usize = 64 << 10;

pub const ACL_ACCESS: &[u8] = b"system.posix_acl_access";
pub const ACL_DEFAULT: &[u8] = b"system.posix_acl_default";
pub const CAPABILITY: &[u8] = b"security.capability";
pub const SELINUX: &[u8] = b"security.selinux";

/// One attribute: any bytes under any name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Attribute {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
}

impl Attribute {
    pub fn is_acl(&self) -> bool {
        self.name == ACL_ACCESS || self.name == ACL_DEFAULT
    }

    pub fn is_users(&self) -> bool {
        is_users(&self.name)
    }
}

/// Does a backup keep the attribute of this name?
pub fn is_kept(name: &[u8]) -> bool {
    is_users(name) || [ACL_ACCESS, ACL_DEFAULT, CAPABILITY, SELINUX].contains(&name)
}

fn is_users(name: &[u8]) -> bool {
    name.starts_with(b"user.") && name.len() > 5
}

/// What the owning group may do by an access ACL. The group bits of the mode are the ACL's mask then, and may allow more.
/// An ACL that is not understood allows it nothing.
pub fn owning_group(acl: &[u8]) -> u32 {
    const VERSION: [u8; 4] = [2, 0, 0, 0];
    const GROUP_OBJ: [u8; 2] = [4, 0];
    let entries = acl.strip_prefix(&VERSION).unwrap_or_default().chunks_exact(8);
    let mut owning = entries.filter(|entry| entry[..2] == GROUP_OBJ).map(|entry| u32::from(entry[2] & 7));
    owning.next().unwrap_or(0)
}

/// As it is in JSON.
#[derive(Serialize, Deserialize)]
struct Written {
    name: String,
    /// Base64 of the true bytes where the name is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    /// Base64.
    value: String,
}

impl From<Attribute> for Written {
    fn from(attribute: Attribute) -> Written {
        let (name, raw) = super::item::text_and_raw(&attribute.name);
        Written { name, raw, value: BASE64.encode(attribute.value) }
    }
}

impl TryFrom<Written> for Attribute {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Attribute, &'static str> {
        let decode = |text: &str| BASE64.decode(text).map_err(|_| "an extended attribute is not base64");
        let name = match &written.raw {
            Some(raw) => decode(raw)?,
            None => written.name.into_bytes(),
        };
        let value = decode(&written.value)?;
        if name.is_empty() || name.len() > MAX_NAME || name.contains(&0) || value.len() > MAX_VALUE {
            return Err("an extended attribute is one that no file can have");
        }
        Ok(Attribute { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_and_value_survive_their_line_and_those_of_no_file_are_refused() {
        for name in [&b"user.note"[..], b"user.\xff\n\"", b"security.capability"] {
            let attribute = Attribute { name: name.to_vec(), value: vec![0, 255, b'\n'] };
            let line = serde_json::to_string(&attribute).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Attribute>(&line).unwrap(), attribute);
        }
        let long = format!(r#"{{"name":"user.{}","value":""}}"#, "n".repeat(251));
        let large = format!(r#"{{"name":"user.x","value":"{}"}}"#, BASE64.encode(vec![0; MAX_VALUE + 1]));
        for bad in [r#"{"name":"","value":""}"#, r#"{"name":"user.a\u0000b","value":""}"#, &long, &large] {
            assert!(serde_json::from_str::<Attribute>(bad).is_err(), "{}", &bad[..40.min(bad.len())]);
        }
    }

    #[test]
    fn the_owning_group_is_read_from_its_own_entry_and_an_odd_acl_allows_it_nothing() {
        let acl = |entries: &[[u8; 8]]| [&[2, 0, 0, 0][..], &entries.concat()].concat();
        let entry = |tag: u8, allows: u8| [tag, 0, allows, 0, 255, 255, 255, 255];
        assert_eq!(owning_group(&acl(&[entry(1, 6), entry(4, 4), entry(0x10, 7), entry(0x20, 0)])), 4);
        assert_eq!(owning_group(&acl(&[entry(1, 6), entry(0x10, 7)])), 0);
        assert_eq!(owning_group(&[1, 0, 0, 0, 4, 0, 7, 0, 0, 0, 0, 0]), 0);
        assert_eq!(owning_group(b""), 0);
    }
}
