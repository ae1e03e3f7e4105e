//! RSASSA-PKCS1-v1_5 over SHA-1 (RFC 5849, 3.4.3; RFC 8017, 8.2), which Data Center's application links ask for. Signs, and
//! nothing else.
//!
//! Why `unsafe`, here and nowhere else: aws-lc-rs verifies SHA-1 signatures but refuses to make them. The choice was between
//! a few calls into AWS-LC, which is linked anyway, and the crate `rsa`: a second cryptography family with a known leak of the
//! private key through timing (RUSTSEC-2023-0071) that no version mends. AWS-LC signs in constant time, with blinding.
//! SHA-1 is broken for collisions; what is signed here is a fresh request of our own over TLS, and Jira takes nothing better.

#![expect(
    unsafe_code,
    reason = "aws-lc-rs does not sign SHA-1; reviewed: every pointer is checked, owned and freed here"
)]

use std::ffi::c_long;
use std::ptr;

use aws_lc_sys::{
    EVP_DigestSign, EVP_DigestSignInit, EVP_MD_CTX, EVP_MD_CTX_free, EVP_MD_CTX_new, EVP_PKEY, EVP_PKEY_free,
    EVP_PKEY_get0_RSA, EVP_sha1, d2i_AutoPrivateKey,
};

/// An RSA private key in AWS-LC's keeping, which wipes it when it is freed.
pub(super) struct RsaKey(ptr::NonNull<EVP_PKEY>);

/// A digest under way.
struct Context(ptr::NonNull<EVP_MD_CTX>);

// SAFETY: the pointer is owned by this value alone, and AWS-LC lets several threads sign with one key at the same time: its
// header on RSA says so of every function that does not take the key as a mutable output.
unsafe impl Send for RsaKey {}
// SAFETY: as above.
unsafe impl Sync for RsaKey {}

impl RsaKey {
    /// Takes a key in DER, PKCS#8 or PKCS#1. `None`: it is no RSA key.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let length = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: `start` points at `length` readable bytes, which the call does not keep; a null `out` makes a new key, which
        // is ours, or null.
        let key = Self(ptr::NonNull::new(unsafe { d2i_AutoPrivateKey(ptr::null_mut(), &mut start, length) })?);
        // SAFETY: the key is alive; the answer is borrowed from it and only compared.
        let is_rsa = unsafe { !EVP_PKEY_get0_RSA(key.0.as_ptr()).is_null() };
        is_rsa.then_some(key)
    }

    /// The signature of a message. `None`: AWS-LC refused, as for a key that is too short.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        // SAFETY: gives a context that is ours, or null.
        let context = Context(ptr::NonNull::new(unsafe { EVP_MD_CTX_new() })?);
        let at = context.0.as_ptr();
        // SAFETY: context and key are alive; without `pctx` nothing is lent out, and without an engine AWS-LC's own is used.
        let begun = unsafe { EVP_DigestSignInit(at, ptr::null_mut(), EVP_sha1(), ptr::null_mut(), self.0.as_ptr()) };
        let mut length = 0;
        // SAFETY: a null output asks for the largest length, which is written to `length`.
        let measured = begun == 1
            && unsafe { EVP_DigestSign(at, ptr::null_mut(), &mut length, message.as_ptr(), message.len()) } == 1;
        let mut signature = vec![0; length];
        // SAFETY: `signature` has the `length` bytes that the call was told, and it writes no more.
        let signed = measured
            && unsafe { EVP_DigestSign(at, signature.as_mut_ptr(), &mut length, message.as_ptr(), message.len()) } == 1;
        signature.truncate(length);
        signed.then_some(signature)
    }
}

impl Drop for RsaKey {
    fn drop(&mut self) {
        // SAFETY: the key is ours and is not used again.
        unsafe { EVP_PKEY_free(self.0.as_ptr()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours and is not used again.
        unsafe { EVP_MD_CTX_free(self.0.as_ptr()) }
    }
}
