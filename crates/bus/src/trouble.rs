//! What goes wrong with a broker, as an error with a fate and with what helps.

use model::Error;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What was being done, and where.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'a> {
    /// `send to topic shop.public.orders`: what stands behind "cannot" or "could not".
    pub what: &'a str,
    pub brokers: &'a str,
    pub topic: Option<&'a str>,
    pub group: Option<&'a str>,
}

impl<'a> Doing<'a> {
    pub fn new(what: &'a str, brokers: &'a str) -> Doing<'a> {
        Doing { what, brokers, topic: None, group: None }
    }

    pub fn topic(self, topic: &'a str) -> Doing<'a> {
        Doing { topic: Some(topic), ..self }
    }

    pub fn group(self, group: &'a str) -> Doing<'a> {
        Doing { group: Some(group), ..self }
    }

    /// What the client said. librdkafka's own words never hold secrets.
    pub fn failed(self, error: &KafkaError) -> Error {
        match error {
            KafkaError::ClientConfig(_, why, name, _) => Error::definite(format!(
                "cannot {}: the setting {name} is not one that the client takes",
                self.what
            ))
            .detail(sentence(why)),
            KafkaError::ClientCreation(why) => self.not_created(why),
            KafkaError::Transaction(error) => {
                let failed = self.coded(error.code(), &error.string());
                match error.is_fatal() && failed.fate() == model::Fate::Transient {
                    // The client is of no more use; a new one may be.
                    true => failed.hint("nothing: it is tried again with a new session"),
                    false => failed,
                }
            }
            _ => match error.rdkafka_error_code() {
                Some(code) => self.coded(code, &code.to_string()),
                None => self.transient(&error.to_string()),
            },
        }
    }

    fn not_created(self, why: &str) -> Error {
        let error = Error::definite(format!("cannot {}: the client does not start", self.what));
        let hint = match why {
            _ if why.contains("ssl.ca.location") => "see that `ca_file` is a PEM file that is read",
            _ if why.contains("ssl.certificate") => "see that `cert_file` is a PEM file",
            _ if why.contains("ssl.key") => "see that `key_file` is the certificate's key in PEM",
            _ if why.contains("sasl") => "see to user and password, and `sasl_mechanism`",
            _ => return error.detail(sentence(why)),
        };
        error.detail(sentence(why)).hint(hint)
    }

    /// An error by its code and the client's words.
    pub fn coded(self, code: Code, words: &str) -> Error {
        let Doing { what, brokers, .. } = self;
        let topic = self.topic.unwrap_or("that topic");
        let definite = |why: String| Error::definite(format!("cannot {what}: {why}"));
        // What a handshake came to is told in words alone.
        let is_mechanism = words.contains("Unsupported SASL mechanism");
        match code {
            _ if is_mechanism => self.no_mechanism(words),
            Code::SaslAuthenticationFailed | Code::Authentication => {
                definite("the broker refuses user or password".into())
                    .detail(sentence(words))
                    .hint("see to user and password, that the user exists, and `sasl_mechanism`")
            }
            Code::UnsupportedSASLMechanism => self.no_mechanism(words),
            Code::SSL => definite(format!("no TLS session with {brokers}"))
                .detail(sentence(words))
                .hint("see that the port is the TLS one, and that `ca_file` is its authority's"),
            Code::TopicAuthorizationFailed => {
                // Who writes is of no group, and may make topics.
                let (what, more) = match self.group {
                    Some(_) => ("Read", ""),
                    None => ("Write", " (Create where it is made)"),
                };
                definite(format!("the user has no right to topic {topic}")).hint(format!(
                    "kafka-acls.sh --add --allow-principal User:NAME --operation {what} --operation \
                     Describe --topic {topic}{more}"
                ))
            }
            Code::GroupAuthorizationFailed => {
                let group = self.group.unwrap_or("NAME");
                definite(format!("the user has no right to group {group}")).hint(format!(
                    "kafka-acls.sh --add --allow-principal User:NAME --operation Read --group {group}"
                ))
            }
            Code::TransactionalIdAuthorizationFailed => {
                definite("the user has no right to the transactional id".into()).hint(
                    "kafka-acls.sh --add --allow-principal User:NAME --operation Write --operation \
                     Describe --transactional-id ID, or deliver at least once",
                )
            }
            Code::ClusterAuthorizationFailed => {
                definite("the user has no right to the cluster".into())
                    .hint("grant IdempotentWrite (before Kafka 2.8) and Create on the cluster")
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                definite(format!("there is no topic {topic}")).hint(format!(
                    "kafka-topics.sh --create --topic {topic}, or let topics be made"
                ))
            }
            Code::InvalidTopic => definite(format!("{topic} is no name for a topic"))
                .hint("letters, digits, `.`, `_` and `-`, 249 at most: route it elsewhere"),
            Code::MessageSizeTooLarge => {
                definite(format!("a message is larger than topic {topic} takes"))
                    .detail(
                        "The topic's max.message.bytes (1 MB by default) or our own \
                         `message_bytes_max` is smaller than the row's message.",
                    )
                    .hint(format!(
                        "raise both: kafka-configs.sh --alter --entity-type topics --entity-name \
                         {topic} --add-config max.message.bytes=N, and `message_bytes_max = N`"
                    ))
            }
            Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => {
                definite("another process sends with the same transactional.id".into())
                    .detail(
                        "The broker lets one in at a time, the last that began; what this one \
                         had not committed is not visible.",
                    )
                    .hint("stop one of the two, or give each its own `topic_prefix`")
            }
            Code::InvalidRecord | Code::PolicyViolation => {
                definite(format!("topic {topic} refuses the message"))
                    .detail(sentence(words))
                    .hint("a compacted topic takes no message without a key: leave such tables out")
            }
            Code::UnsupportedForMessageFormat | Code::UnsupportedVersion => {
                definite("the broker is too old for this".into())
                    .detail(sentence(words))
                    .hint("use a broker of 0.11 or newer; transactions need it")
            }
            Code::InvalidConfig | Code::InvalidReplicationFactor | Code::InvalidPartitions => {
                definite(format!("the broker does not make topic {topic}")).detail(sentence(words))
            }
            _ => self.transient(words),
        }
    }

    fn no_mechanism(self, words: &str) -> Error {
        let what = format!("cannot {}: the broker does not offer this SASL mechanism", self.what);
        Error::definite(what)
            .detail(sentence(words))
            .hint("set `sasl_mechanism` to one of the broker's sasl.enabled.mechanisms")
    }

    fn transient(self, words: &str) -> Error {
        Error::transient(format!("could not {}", self.what)).detail(sentence(words)).hint(format!(
            "see that {} answers from here, and that the broker's advertised.listeners do",
            self.brokers
        ))
    }
}

/// Ours end with a full stop.
pub(crate) fn sentence(words: &str) -> String {
    let mut text = words.trim().trim_end_matches('.').to_owned();
    // An address stays as it is.
    let begins_with_word = text.split(' ').next().is_some_and(|first| !first.contains(':'));
    if let Some(first) = text.get(..1).filter(|_| begins_with_word).map(str::to_ascii_uppercase) {
        text.replace_range(..1, &first);
    }
    text + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Fate;

    #[test]
    fn each_trouble_has_its_fate_and_its_cure() {
        let doing = Doing::new("send the changes", "k1:9092").topic("shop.public.orders");
        let cases = [
            (Code::MessageSizeTooLarge, Fate::Definite, "max.message.bytes"),
            (Code::UnknownTopicOrPartition, Fate::Definite, "kafka-topics.sh --create"),
            (Code::SaslAuthenticationFailed, Fate::Definite, "user and password"),
            (Code::TopicAuthorizationFailed, Fate::Definite, "kafka-acls.sh"),
            (Code::Fenced, Fate::Definite, "topic_prefix"),
            (Code::SSL, Fate::Definite, "ca_file"),
            (Code::BrokerTransportFailure, Fate::Transient, "k1:9092"),
            (Code::AllBrokersDown, Fate::Transient, "advertised.listeners"),
            (Code::MessageTimedOut, Fate::Transient, "k1:9092"),
        ];
        for (code, fate, cure) in cases {
            let error = doing.coded(code, "words of the client");
            assert_eq!(error.fate(), fate, "{code:?}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains(cure)), "{error:?}");
            let verb = if fate == Fate::Definite { "cannot " } else { "could not " };
            assert!(error.what().starts_with(verb), "{error:?}");
        }
        let error = KafkaError::MessageProduction(Code::MessageSizeTooLarge);
        let error = doing.failed(&error);
        assert!(error.what().contains("shop.public.orders"), "{error:?}");
    }
}
