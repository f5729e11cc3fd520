//! One case per row, and that no row goes without.

use std::collections::BTreeSet;

use super::*;

struct Case(Scope, Option<&'static str>, u16, PortFault, Retry, Effect);

/// A status of 0 stands for none: no answer came.
#[rustfmt::skip]
const CASES: &[Case] = &[
    Case(Scope::S3,   Some("timed-out"),                  0,   Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("not-connected"),              0,   Unavailable, Backoff, Nothing),
    Case(Scope::Sqs,  Some("connection-broke"),           0,   Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("answer-cut-short"),           0,   Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("answer-corrupted"),           0,   Corrupted,   Backoff, Unknown),
    Case(Scope::S3,   Some("other-checksum-stored"),      0,   Corrupted,   Backoff, Unknown),
    Case(Scope::Sqs,  Some("entry-unanswered"),           0,   Unavailable, Backoff, Unknown),
    Case(Scope::Hold, Some("no-credentials"),             0,   Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("credentials-unavailable"),    0,   Unavailable, Backoff, Nothing),
    Case(Scope::S3,   Some("request-not-built"),          0,   Invalid,     Never,   Nothing),

    Case(Scope::Hold, Some("ReceiptHandleIsInvalid"),     400, LeaseGone,   Never,   Nothing),
    Case(Scope::Hold, Some("InvalidParameterValue"),      400, LeaseGone,   Never,   Nothing),
    Case(Scope::Hold, Some("MessageNotInflight"),         400, LeaseGone,   Never,   Nothing),
    Case(Scope::Hold, Some("InvalidIdFormat"),            400, LeaseGone,   Never,   Nothing),
    Case(Scope::Sqs,  Some("InvalidParameterValue"),      400, Invalid,     Never,   Nothing),

    Case(Scope::S3,   Some("SlowDown"),                   503, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("Throttling"),                 400, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("ThrottlingException"),        400, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("ThrottledException"),         400, Throttled,   Backoff, Nothing),
    Case(Scope::Hold, Some("RequestThrottled"),           400, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("RequestThrottledException"),  400, Throttled,   Backoff, Nothing),
    Case(Scope::S3,   Some("RequestLimitExceeded"),       503, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("TooManyRequestsException"),   429, Throttled,   Backoff, Nothing),
    Case(Scope::S3,   Some("BandwidthLimitExceeded"),     503, Throttled,   Backoff, Nothing),
    Case(Scope::S3,   Some("KMS.ThrottlingException"),    400, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("KmsThrottled"),               400, Throttled,   Backoff, Nothing),
    Case(Scope::Sqs,  Some("OverLimit"),                  403, Throttled,   Backoff, Nothing),

    Case(Scope::S3,   Some("PreconditionFailed"),         412, Changed,     Never,   Nothing),
    Case(Scope::S3,   Some("ConditionalRequestConflict"), 409, Unavailable, Backoff, Nothing),
    Case(Scope::S3,   Some("OperationAborted"),           409, Unavailable, Backoff, Nothing),

    Case(Scope::S3,   Some("NoSuchKey"),                  404, NotFound,    Never,   Nothing),
    Case(Scope::S3,   Some("NotFound"),                   404, NotFound,    Never,   Nothing),
    Case(Scope::S3,   Some("NoSuchBucket"),               404, Invalid,     Never,   Nothing),
    Case(Scope::Sqs,  Some("QueueDoesNotExist"),          400, NotFound,    Never,   Nothing),
    Case(Scope::Hold, Some("NonExistentQueue"),           400, NotFound,    Never,   Nothing),
    Case(Scope::Sqs,  Some("QueueDeletedRecently"),       400, Unavailable, Backoff, Nothing),

    Case(Scope::S3,   Some("ExpiredToken"),               400, Denied,      Backoff, Nothing),
    Case(Scope::Sqs,  Some("ExpiredTokenException"),      403, Denied,      Backoff, Nothing),
    Case(Scope::S3,   Some("TokenRefreshRequired"),       400, Denied,      Backoff, Nothing),
    Case(Scope::S3,   Some("RequestTimeTooSkewed"),       403, Denied,      Backoff, Nothing),
    Case(Scope::Sqs,  Some("RequestExpired"),             400, Denied,      Backoff, Nothing),
    Case(Scope::DynamoDb, Some("ProvisionedThroughputExceededException"), 400, Throttled, Backoff, Nothing),
    Case(Scope::DynamoDb, Some("ResourceNotFoundException"), 400, NotFound, Never,   Nothing),
    Case(Scope::DynamoDb, Some("TableNotFoundException"), 400, NotFound,    Never,   Nothing),
    Case(Scope::DynamoDb, Some("ExportNotFoundException"), 400, NotFound,   Never,   Nothing),
    Case(Scope::DynamoDb, Some("ContinuousBackupsUnavailableException"), 400, Unavailable, Backoff, Nothing),
    Case(Scope::DynamoDb, Some("TransactionConflictException"), 400, Unavailable, Backoff, Nothing),
    Case(Scope::DynamoDb, Some("ReplicatedWriteConflictException"), 400, Unavailable, Backoff, Nothing),
    Case(Scope::DynamoDb, Some("ConditionalCheckFailedException"), 400, Changed, Never, Nothing),
    Case(Scope::Lambda, Some("TooManyRequestsException"), 429, Throttled,   Backoff, Nothing),
    Case(Scope::Lambda, Some("ENILimitReachedException"), 502, Throttled,   Backoff, Nothing),
    Case(Scope::Lambda, Some("SubnetIPAddressLimitReachedException"), 502, Throttled, Backoff, Nothing),
    Case(Scope::Lambda, Some("EC2ThrottledException"),    502, Throttled,   Backoff, Nothing),
    Case(Scope::Lambda, Some("ResourceNotFoundException"), 404, NotFound,   Never,   Nothing),
    Case(Scope::Lambda, Some("ResourceConflictException"), 409, Unavailable, Backoff, Nothing),
    Case(Scope::Lambda, Some("ResourceNotReadyException"), 502, Unavailable, Backoff, Nothing),
    Case(Scope::Lambda, Some("SnapStartNotReadyException"), 409, Unavailable, Backoff, Nothing),
    Case(Scope::Lambda, Some("EC2UnexpectedException"),   502, Unavailable, Backoff, Nothing),
    Case(Scope::Lambda, Some("EFSIOException"),           410, Unavailable, Backoff, Unknown),
    Case(Scope::Lambda, Some("InvalidRuntimeException"),  502, Invalid,     Never,   Nothing),
    Case(Scope::Lambda, Some("InvalidZipFileException"),  502, Invalid,     Never,   Nothing),
    Case(Scope::Lambda, Some("InvalidSecurityGroupIDException"), 502, Invalid, Never, Nothing),
    Case(Scope::Lambda, Some("InvalidSubnetIDException"), 502, Invalid,     Never,   Nothing),
    Case(Scope::Lambda, Some("EC2AccessDeniedException"), 502, Denied,      Never,   Nothing),
    Case(Scope::Lambda, Some("KMSAccessDeniedException"), 502, Denied,      Never,   Nothing),
    Case(Scope::Lambda, Some("KMSDisabledException"),     502, Denied,      Never,   Nothing),
    Case(Scope::Lambda, Some("KMSInvalidStateException"), 502, Denied,      Never,   Nothing),
    Case(Scope::Lambda, Some("KMSNotFoundException"),     502, Denied,      Never,   Nothing),
    Case(Scope::Lambda, Some("InvalidSignatureException"), 403, Denied,     Backoff, Nothing),
    Case(Scope::Lambda, Some("UnrecognizedClientException"), 403, Denied,   Never,   Nothing),
    Case(Scope::Lambda, Some("RequestTooLargeException"), 413, TooLarge,    Never,   Nothing),
    Case(Scope::Lambda, Some("ServiceException"),         500, Unavailable, Backoff, Unknown),
    Case(Scope::Ecs,  Some("ClusterNotFoundException"),   400, NotFound,    Never,   Nothing),
    Case(Scope::Ecs,  Some("ServiceNotFoundException"),   400, NotFound,    Never,   Nothing),
    Case(Scope::Ecs,  Some("ServiceNotActiveException"),  400, NotFound,    Never,   Nothing),
    Case(Scope::DynamoDb, Some("InvalidSignatureException"), 400, Denied,   Backoff, Nothing),
    Case(Scope::DynamoDb, Some("UnrecognizedClientException"), 400, Denied, Never,   Nothing),
    Case(Scope::DynamoDb, Some("MissingAuthenticationTokenException"), 400, Denied, Never, Nothing),
    Case(Scope::DynamoDb, Some("InternalServerError"),    500, Unavailable, Backoff, Unknown),
    Case(Scope::Sqs,  Some("InvalidSignatureException"),  403, Denied,      Backoff, Nothing),
    Case(Scope::Sqs,  Some("SignatureDoesNotMatch"),      403, Denied,      Backoff, Nothing),

    Case(Scope::S3,   Some("AccessDenied"),               403, Denied,      Never,   Nothing),
    Case(Scope::Hold, Some("AccessDeniedException"),      400, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("AllAccessDisabled"),          403, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("InvalidAccessKeyId"),         403, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("SignatureDoesNotMatch"),      403, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("InvalidToken"),               400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("InvalidClientTokenId"),       403, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("UnrecognizedClientException"), 403, Denied,     Never,   Nothing),
    Case(Scope::Sqs,  Some("InvalidSecurity"),            403, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("InvalidObjectState"),         403, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("KMS.DisabledException"),      400, Denied,      Never,   Nothing),
    Case(Scope::S3,   Some("KMS.KMSInvalidStateException"), 400, Denied,    Never,   Nothing),
    Case(Scope::S3,   Some("KMS.NotFoundException"),      400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("KmsAccessDenied"),            400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("KmsDisabled"),                400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("KmsInvalidKeyUsage"),         400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("KmsInvalidState"),            400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("KmsNotFound"),                400, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("KmsOptInRequired"),           403, Denied,      Never,   Nothing),

    Case(Scope::S3,   Some("BadDigest"),                  400, Corrupted,   Backoff, Nothing),
    Case(Scope::S3,   Some("XAmzContentSHA256Mismatch"),  400, Corrupted,   Backoff, Nothing),
    Case(Scope::S3,   Some("XAmzContentChecksumMismatch"), 400, Corrupted,  Backoff, Nothing),
    Case(Scope::S3,   Some("IncompleteBody"),             400, Corrupted,   Backoff, Nothing),

    Case(Scope::S3,   Some("EntityTooLarge"),             400, TooLarge,    Never,   Nothing),
    Case(Scope::S3,   Some("MetadataTooLarge"),           400, TooLarge,    Never,   Nothing),
    Case(Scope::Sqs,  Some("BatchRequestTooLong"),        400, TooLarge,    Never,   Nothing),

    Case(Scope::S3,   Some("RequestTimeout"),             400, Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("InternalError"),              500, Unavailable, Backoff, Unknown),
    Case(Scope::Sqs,  Some("InternalFailure"),            500, Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("ServiceUnavailable"),         503, Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("TemporaryRedirect"),          307, Unavailable, Backoff, Nothing),

    Case(Scope::S3,   None,                               412, Changed,     Never,   Nothing),
    Case(Scope::S3,   None,                               409, Unavailable, Backoff, Nothing),
    Case(Scope::Sqs,  None,                               429, Throttled,   Backoff, Nothing),
    Case(Scope::S3,   None,                               413, TooLarge,    Never,   Nothing),
    Case(Scope::S3,   None,                               408, Unavailable, Backoff, Unknown),
    Case(Scope::S3,   None,                               401, Denied,      Never,   Nothing),
    Case(Scope::S3,   None,                               403, Denied,      Never,   Nothing),
    Case(Scope::Sqs,  Some("OptInRequired"),              403, Denied,      Never,   Nothing),
    Case(Scope::S3,   None,                               400, Denied,      Backoff, Nothing),
    Case(Scope::S3,   None,                               404, Unavailable, Backoff, Nothing),
    Case(Scope::S3,   Some("NoSuchVersion"),              404, NotFound,    Never,   Nothing),
    Case(Scope::S3,   None,                               307, Unavailable, Backoff, Nothing),
    Case(Scope::S3,   None,                               500, Unavailable, Backoff, Unknown),
    Case(Scope::Sqs,  None,                               502, Unavailable, Backoff, Unknown),
    Case(Scope::S3,   None,                               503, Unavailable, Backoff, Unknown),
    Case(Scope::Hold, None,                               504, Unavailable, Backoff, Unknown),
    Case(Scope::S3,   Some("InvalidRange"),               416, Invalid,     Never,   Nothing),
    Case(Scope::S3,   Some("InvalidDigest"),              400, Invalid,     Never,   Nothing),
    Case(Scope::Sqs,  Some("InvalidMessageContents"),     400, Invalid,     Never,   Nothing),
    Case(Scope::Sqs,  None,                               400, Invalid,     Never,   Nothing),
    Case(Scope::S3,   Some("PermanentRedirect"),          301, Invalid,     Never,   Nothing),
    Case(Scope::S3,   None,                               200, Unavailable, Backoff, Unknown),
];

fn signs(case: &Case) -> Signs<'static> {
    Signs { scope: case.0, code: case.1, status: (case.2 != 0).then_some(case.2) }
}

#[test]
fn every_case_means_what_it_should() {
    for case in CASES {
        let wanted = Verdict { fault: case.3, retry: case.4, effect: case.5 };
        assert_eq!(classify(&signs(case)), wanted, "{:?} {:?} {}", case.0, case.1, case.2);
    }
}

#[test]
fn every_row_is_met_by_a_case_so_none_is_shadowed_by_another() {
    let met: BTreeSet<usize> = CASES.iter().map(|case| row_of(&signs(case))).collect();
    let unmet: Vec<_> =
        (0..TABLE.len()).filter(|index| !met.contains(index)).map(|index| TABLE[index].code).collect();
    assert!(unmet.is_empty(), "{unmet:?}");
}

#[test]
fn what_will_fail_the_same_way_again_left_nothing_behind() {
    for row in TABLE {
        assert!(row.verdict.retry != Never || row.verdict.effect == Nothing, "{:?}", row.code);
    }
}

#[test]
fn a_code_is_known_by_its_last_name() {
    assert_eq!(plain_code("AWS.SimpleQueueService.NonExistentQueue"), "NonExistentQueue");
    assert_eq!(plain_code("com.amazonaws.sqs#QueueDoesNotExist"), "QueueDoesNotExist");
    assert_eq!(plain_code("SlowDown"), "SlowDown");
    assert_eq!(plain_code("KMS.DisabledException"), "KMS.DisabledException");
}
