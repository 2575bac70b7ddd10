//! What tars know of a member besides its header: pax records of extended attributes, and of ACLs as text, because tars set
//! those last, when the mode is set already.

use crate::vault::attribute::{ACL_ACCESS, ACL_DEFAULT, Attribute};

/// All records of other programs begin like this that are about attributes.
pub const OURS: &[u8] = b"SCHILY.";

/// A pax record: key and value.
pub type PaxRecord = (Vec<u8>, Vec<u8>);

/// The record of one attribute.
pub fn record(attribute: &Attribute) -> PaxRecord {
    let acl = match &attribute.name[..] {
        ACL_ACCESS => Some("SCHILY.acl.access"),
        ACL_DEFAULT => Some("SCHILY.acl.default"),
        _ => None,
    };
    match acl.zip(text(&attribute.value)) {
        Some((key, text)) => (key.into(), text.into()),
        None => ([b"SCHILY.xattr.", &encoded(&attribute.name)[..]].concat(), attribute.value.clone()),
    }
}

/// A key of pax ends at its first `=`. GNU tar writes names like this.
fn encoded(name: &[u8]) -> Vec<u8> {
    let byte = |byte: &u8| match byte {
        b'%' => b"%25".to_vec(),
        b'=' => b"%3D".to_vec(),
        other => vec![*other],
    };
    name.iter().flat_map(byte).collect()
}

/// An ACL as POSIX 1003.1e writes it: `user::rw-,user:1000:rwx,…`; `None` where it is not one that is understood.
fn text(acl: &[u8]) -> Option<String> {
    let (entries, []) = acl.strip_prefix(&[2, 0, 0, 0])?.as_chunks::<8>() else { return None };
    let entry = |[tag, zero, allows, zero_too, id @ ..]: &[u8; 8]| {
        let id = u32::from_le_bytes(*id);
        let who = match (tag, zero, zero_too) {
            (1, 0, 0) => "user:".into(),
            (2, 0, 0) => format!("user:{id}"),
            (4, 0, 0) => "group:".into(),
            (8, 0, 0) => format!("group:{id}"),
            (0x10, 0, 0) => "mask:".into(),
            (0x20, 0, 0) => "other:".into(),
            _ => return None,
        };
        let letter = |bit, letter| if allows & bit == bit { letter } else { '-' };
        Some(format!("{who}:{}{}{}", letter(4, 'r'), letter(2, 'w'), letter(1, 'x')))
    };
    entries.iter().map(entry).collect::<Option<Vec<_>>>().map(|entries| entries.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acl_is_written_as_text_and_one_that_is_not_understood_as_its_bytes() {
        let entry = |tag: u8, allows: u8, id: u32| [&[tag, 0, allows, 0][..], &id.to_le_bytes()].concat();
        let entries = [entry(1, 6, u32::MAX), entry(2, 7, 1000), entry(4, 0, u32::MAX), entry(0x10, 5, u32::MAX)];
        let value = [&[2, 0, 0, 0][..], &entries.concat()].concat();
        let acl = |value: &[u8]| record(&Attribute { name: ACL_ACCESS.to_vec(), value: value.to_vec() });
        let expected = b"user::rw-,user:1000:rwx,group::---,mask::r-x".to_vec();
        assert_eq!(acl(&value), (b"SCHILY.acl.access".to_vec(), expected));
        assert_eq!(acl(&value[..9]).0, b"SCHILY.xattr.system.posix_acl_access");
        let odd = Attribute { name: b"user.a=b%".to_vec(), value: vec![1] };
        assert_eq!(record(&odd), (b"SCHILY.xattr.user.a%3Db%25".to_vec(), vec![1]));
    }
}
