//! What went wrong with TLS, and whether a person has to do something about it.

use std::io;

use rustls::{AlertDescription, Error};

/// The error of TLS inside an error of the way.
pub(super) fn inside(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

/// A certificate, or two sides that do not speak the same: it stays so until somebody changes it. Whatever else goes wrong
/// inside TLS is like a line that breaks.
pub(super) fn is_for_a_person(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(_)
        | Error::InvalidCertRevocationList(_)
        | Error::NoCertificatesPresented
        | Error::UnsupportedNameType
        | Error::PeerIncompatible(_)
        | Error::PeerMisbehaved(_)
        | Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::NoApplicationProtocol => true,
        Error::AlertReceived(alert) => matches!(
            alert,
            AlertDescription::HandshakeFailure
                | AlertDescription::NoCertificate
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity
                | AlertDescription::InappropriateFallback
                | AlertDescription::UnrecognisedName
                | AlertDescription::NoApplicationProtocol
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn certificates_and_protocols_are_for_a_person_and_a_broken_line_is_not() {
        let inside_io =
            io::Error::new(io::ErrorKind::InvalidData, Error::InvalidCertificate(CertificateError::Expired));
        assert!(inside(&inside_io).is_some_and(is_for_a_person));
        assert!(inside(&io::ErrorKind::TimedOut.into()).is_none());
        for (alert, person) in [
            (AlertDescription::ProtocolVersion, true),
            (AlertDescription::UnknownCA, true),
            (AlertDescription::InternalError, false),
            (AlertDescription::UserCanceled, false),
            (AlertDescription::CloseNotify, false),
        ] {
            assert_eq!(is_for_a_person(&Error::AlertReceived(alert)), person, "{alert:?}");
        }
        for broken in [Error::DecryptError, Error::FailedToGetRandomBytes, Error::General(String::new())] {
            assert!(!is_for_a_person(&broken), "{broken}");
        }
    }
}
