/* A private CA, a server certificate of it for localhost and 127.0.0.1, a client certificate, and a
 * CA that signed none of them. Valid until 2120, secret to nobody: for tests on loopback only. */
#ifndef TANDEM_TESTS_LIB_PEM_H
#define TANDEM_TESTS_LIB_PEM_H

static const char pem_ca[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBSDCB76ADAgECAhRDYf1jP9OIatBI5lBnN5BJ7QYV4zAKBggqhkjOPQQDAjAZ\n"
    "MRcwFQYDVQQDDA5UYW5kZW0gdGVzdCBDQTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIw\n"
    "MDEwMTAwMDAwMFowGTEXMBUGA1UEAwwOVGFuZGVtIHRlc3QgQ0EwWTATBgcqhkjO\n"
    "PQIBBggqhkjOPQMBBwNCAARCjoUX9gvrKVI40gX9teGsS8tJKdnt2iVV10huQ4/W\n"
    "RrTgdB2KBSbK7A8ppLrkLibqMfdlexeW5Abwh6mBmuQSoxMwETAPBgNVHRMBAf8E\n"
    "BTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIBTMpo/kf/S5MDIRfs7AqGXaYfC6Cj5x\n"
    "yHINoD/zCAsmAiEA2c5T4dlGOrjERs4DpeZf3NqnyGoFqTtdNlpPB6WCQYY=\n"
    "-----END CERTIFICATE-----\n";

static const char pem_other_ca[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBQTCB56ADAgECAhQbVTSt4mYCCXvmNb72P6WMkbqMfTAKBggqhkjOPQQDAjAV\n"
    "MRMwEQYDVQQDDApBbm90aGVyIENBMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAx\n"
    "MDAwMDAwWjAVMRMwEQYDVQQDDApBbm90aGVyIENBMFkwEwYHKoZIzj0CAQYIKoZI\n"
    "zj0DAQcDQgAEmiaGBI0ZIkNM6h/Ab9/0XhILOtDHpVvkR3ntE6BcaFfRV9M2sbUI\n"
    "8Nblh6XZvz+h4BFFltQkgbjsT6FTXFywkqMTMBEwDwYDVR0TAQH/BAUwAwEB/zAK\n"
    "BggqhkjOPQQDAgNJADBGAiEAwrhBStCgrma3RH3HXPITHxPg626OPHtl7xUeTs3J\n"
    "YHQCIQCJxJWKoSLTjZqtgSYU1qOz+QMbsgizmjaild3NSj6BRg==\n"
    "-----END CERTIFICATE-----\n";

static const char pem_server[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBezCCASKgAwIBAgIUILXElUTmrieCyhdPBpdBH5GQ3kUwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGFuZGVtIHRlc3QgQ0EwIBcNMjAwMTAxMDAwMDAwWhgPMjEy\n"
    "MDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEG\n"
    "CCqGSM49AwEHA0IABPSsAx6Ap7OPogNtmiwGkfMXDLAYJpJWX+SBM76CLJIzDKow\n"
    "fhG6eM/zLbOxY6Hphhpw/+bCiNL1psXHzb1oPVejSzBJMAwGA1UdEwEB/wQCMAAw\n"
    "GgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMB0GA1UdJQQWMBQGCCsGAQUFBwMB\n"
    "BggrBgEFBQcDAjAKBggqhkjOPQQDAgNHADBEAiBbc763vB+92rFvHJzMY0kWvlfv\n"
    "4aPuGpZZ9kcQuqKSTQIgcbwjJ49DBf0kyx74o/w4BB6Bn6EmugFSmbjHndJ83zc=\n"
    "-----END CERTIFICATE-----\n";

static const char pem_server_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBNbjjgBaAh41DEIF\n"
    "FzdABWA9h2/44d/n+uzNnLPM65ShRANCAAT0rAMegKezj6IDbZosBpHzFwywGCaS\n"
    "Vl/kgTO+giySMwyqMH4RunjP8y2zsWOh6YYacP/mwojS9abFx829aD1X\n"
    "-----END PRIVATE KEY-----\n";

static const char pem_client[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBeDCCAR+gAwIBAgIUBRg6s5yKoDt480d/QvJqn1R3oy8wCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGFuZGVtIHRlc3QgQ0EwIBcNMjAwMTAxMDAwMDAwWhgPMjEy\n"
    "MDAxMDEwMDAwMDBaMBExDzANBgNVBAMMBmNsaWVudDBZMBMGByqGSM49AgEGCCqG\n"
    "SM49AwEHA0IABMGsJvqwo7Iv5PIo6tuuXHqSgnlSL6laarFXsTYQ9qGnzDgHW79M\n"
    "xrZk+2sewii8VovxWyzUKGIVDoXV6Ft5dGmjSzBJMAwGA1UdEwEB/wQCMAAwGgYD\n"
    "VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggr\n"
    "BgEFBQcDAjAKBggqhkjOPQQDAgNHADBEAiB30xqslJ0Dor+8PLhqATOyYg2H+f/4\n"
    "dlPdigCIQ1jvAgIgIEh6qQKTSkrSYCEZ6+s2KGiyNQLMtXYZzwfUK8XBzN8=\n"
    "-----END CERTIFICATE-----\n";

static const char pem_client_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEkkXTUH9HPiLBPbU\n"
    "Rl+nsmceW/9ZrzcW7eb5Gufsr0qhRANCAATBrCb6sKOyL+TyKOrbrlx6koJ5Ui+p\n"
    "WmqxV7E2EPahp8w4B1u/TMa2ZPtrHsIovFaL8Vss1ChiFQ6F1ehbeXRp\n"
    "-----END PRIVATE KEY-----\n";

#endif
