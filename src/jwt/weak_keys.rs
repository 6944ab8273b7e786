//! Public keys that have the right form and protect nothing.

/// Whether an RSA modulus was made by the broken generator of CVE-2017-15361 ("ROCA"), and can be factored.
///
/// Its primes are powers of 65537 modulo every small prime, and so is their product; of other moduli one in 200 million.
/// `modulus` is big-endian.
pub(super) fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| {
        let residue = modulus.iter().fold(0, |residue, &byte| (residue * 256 + u32::from(byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65537 % prime));
        // The powers come round after `prime - 1` steps at the latest (Fermat).
        powers.take(prime as usize).any(|power| power == residue)
    })
}

/// Whether an Ed25519 public key is one of the eight points of small order, or not the canonical encoding of a point.
///
/// Verification by aws-lc does not ask: to a point of small order it finds one signature good for most or all texts.
/// RFC 8032 section 5.1.3 refuses the second sort, which would be two names of one key.
pub(super) fn is_small_order_or_not_canonical(key: &[u8; 32]) -> bool {
    let mut y = *key;
    y[31] &= 0x7F; // the sign of x; the points come in pairs
    // y is little-endian and must be less than p = 2^255 - 19.
    let not_canonical = y[31] == 0x7F && y[1..31].iter().all(|&byte| byte == 0xFF) && y[0] >= 0xED;
    not_canonical || SMALL_ORDER_Y.contains(&y)
}

/// The primes up to 167, the ones the published detection uses.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The y coordinates of the points whose order divides 8: 0 (order 4), 1 (order 1), p - 1 (order 2), and two of order 8.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xEC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,
    ],
    [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20,
        0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
    ],
    [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF,
        0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
    ],
];
