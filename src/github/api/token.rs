//! The token, which is sent to one server and shown to nobody.

use http::HeaderValue;

use super::error::Error;

/// A token of GitHub's. Its text is neither shown by `Debug` nor part of any error.
#[derive(Clone)]
pub struct Token {
    text: String,
    header: HeaderValue,
}

impl Token {
    /// White space around it is dropped, as it comes with a file's last line.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Token);
        }
        let mut header =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| Error::Token)?;
        header.set_sensitive(true);
        Ok(Self {
            text: text.to_owned(),
            header,
        })
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::new(" ghs_secret\n").expect("a token");
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert_eq!(token.text(), "ghs_secret");
        assert!(!format!("{:?}", token.header()).contains("secret"));
        for wrong in ["", " ", "a b", "a\nb", "ä"] {
            assert!(Token::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
