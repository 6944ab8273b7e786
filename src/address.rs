//! Addresses and networks as they are banned: one form of each, and the networks that an address lies in.

#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network, or a host, which is a network of one; in its one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The bits beyond `length` are zero, and it is never an IPv4-mapped IPv6 address.
    address: IpAddr,
    length: u8,
}

impl Network {
    /// Reads what Postgres prints of an `inet`; `None` for anything that it never prints.
    ///
    /// An IPv4-mapped address is that IPv4 address: whoever sends from it is one and the same.
    pub fn parse(inet: &str) -> Option<Self> {
        let (address, length) = match inet.split_once('/') {
            Some((address, length)) => (address.parse().ok()?, length.parse().ok()?),
            None => {
                let address = inet.parse().ok()?;
                (address, bits(address))
            }
        };
        if length > bits(address) {
            return None;
        }
        if let IpAddr::V6(mapped) = address
            && let Some(address) = mapped.to_ipv4_mapped()
            && let Some(length) = length.checked_sub(96)
        {
            return Some(Self { address: address.into(), length }.within(length));
        }
        Some(Self { address, length }.within(length))
    }

    /// As `parse`, of the host alone: a client has one address, whatever mask was stated beside it.
    pub fn parse_host(inet: &str) -> Option<Self> {
        Self::parse(inet.split('/').next()?)
    }

    /// The network with a mask of this length around it; itself where the mask is not shorter.
    pub fn within(self, length: u8) -> Self {
        let length = length.min(self.length);
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Self { address, length }
    }

    /// How many bits the mask has.
    pub fn length(self) -> u8 {
        self.length
    }

    /// 4 or 6, as Postgres' `family()`.
    pub fn version(self) -> u8 {
        if self.address.is_ipv4() { 4 } else { 6 }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(inet: &str) -> Option<String> {
        Network::parse(inet).map(|network| network.to_string())
    }

    #[test]
    fn one_form_of_each() {
        for (inet, expected) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("255.255.255.255/0", "0.0.0.0/0"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("::ffff:203.0.113.130/121", "203.0.113.128/25"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            ("::ffff:203.0.113.7/95", "::fffe:0:0/95"),
            ("::203.0.113.7", "::cb00:7107/128"),
            ("2001:DB8:0:0:0:0:0:A", "2001:db8::a/128"),
            ("2001:db8:f00d::1/48", "2001:db8:f00d::/48"),
            ("ffff::1/0", "::/0"),
        ] {
            assert_eq!(form(inet).as_deref(), Some(expected), "{inet}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for inet in
            ["", "/", "/24", "203.0.113.7/", "203.0.113.7/33", "203.0.113.7/-1", "203.0.113.7/300", "::/129", "x"]
        {
            assert_eq!(form(inet), None, "{inet}");
        }
    }

    #[test]
    fn a_host_has_no_mask() {
        for inet in ["203.0.113.7", "203.0.113.7/8", "::ffff:203.0.113.7/0"] {
            assert_eq!(Network::parse_host(inet), Network::parse("203.0.113.7"), "{inet}");
        }
    }

    #[test]
    fn the_networks_around_a_host() {
        for (inet, bits) in [("203.0.113.7", 32), ("2001:db8::a", 128)] {
            let host = Network::parse(inet);
            for length in 0..=bits {
                let around = host.map(|host| host.within(length));
                assert_eq!(around, Network::parse(&format!("{inet}/{length}")), "{inet}/{length}");
            }
            assert_eq!(host.map(|host| host.within(255)), host);
        }
    }
}
