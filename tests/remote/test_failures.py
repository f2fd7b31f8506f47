from tamis.remote.failures import reason_of


def test_a_reason_is_a_few_words() -> None:
    error = ConnectionError("HTTPConnectionPool(host='h'): /a?sig=1")
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    assert reason_of(error) == "connection reset by peer"
    assert reason_of(TimeoutError()) == "timeout error"
