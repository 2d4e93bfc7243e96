"""What a `usage` says, in counts that can be priced."""

from pipeline.domain.messages import CachedDetails, InputDetails, OutputDetails, Usage
from pipeline.domain.usage import response_tokens, transcription_tokens
from tests.builders import columns

IN = "text_in audio_in image_in text_cached audio_cached image_cached"


def given(details: InputDetails, total: int | None = None) -> Usage:
    return Usage(
        input_tokens=total,
        output_tokens=3,
        input_token_details=details,
        output_token_details=OutputDetails(text_tokens=1, audio_tokens=2),
    )


def test_cached_tokens_are_a_subset_by_kind() -> None:
    split = CachedDetails(text_tokens=4, audio_tokens=9)
    counts = response_tokens(
        given(InputDetails(text_tokens=10, audio_tokens=20, cached_tokens=13, cached_tokens_details=split)),
        did_work=True,
    )

    assert columns(counts, IN) == (10, 20, 0, 4, 9, 0)
    assert columns(counts, "input cached output reason estimated") == (30, 13, 3, None, False)


def test_cached_tokens_that_are_not_split_count_as_text_as_far_as_it_goes_and_as_an_estimate() -> None:
    counts = response_tokens(given(InputDetails(text_tokens=10, audio_tokens=20, cached_tokens=13)), did_work=True)

    assert columns(counts, IN) == (10, 20, 0, 10, 3, 0)
    assert counts.estimated


def test_no_more_is_cached_than_there_was() -> None:
    split = CachedDetails(text_tokens=99, audio_tokens=99, image_tokens=99)
    counts = response_tokens(
        given(InputDetails(text_tokens=1, audio_tokens=2, image_tokens=3, cached_tokens_details=split)), did_work=True
    )

    assert columns(counts, IN) == (1, 2, 3, 1, 2, 3)
    assert counts.cached == 6


def test_a_kind_that_is_not_named_is_zero_only_where_the_sum_says_so() -> None:
    whole = response_tokens(given(InputDetails(text_tokens=10), total=10), did_work=True)
    short = response_tokens(given(InputDetails(text_tokens=10), total=30), did_work=True)

    assert columns(whole, IN)[:3] == (10, 0, 0)
    assert columns(short, "reason input text_in cached") == ("no_details", 30, None, None)


def test_no_usage_is_no_price() -> None:
    assert response_tokens(None, did_work=True).reason == "no_usage"
    assert response_tokens(Usage(), did_work=True).reason == "no_usage"
    assert response_tokens(Usage(output_tokens=4), did_work=True).reason == "no_details"


def test_zeros_are_believed_only_of_a_response_that_did_nothing() -> None:
    zero = Usage(input_tokens=0, output_tokens=0)

    assert response_tokens(zero, did_work=False).reason is None
    assert response_tokens(zero, did_work=True).reason == "zero_usage"


def test_a_transcription_takes_audio_and_text_in_and_gives_text() -> None:
    counts = transcription_tokens(
        Usage(input_tokens=14, output_tokens=45, input_token_details=InputDetails(audio_tokens=14))
    )

    assert columns(counts, "text_in audio_in text_out reason") == (0, 14, 45, None)


def test_an_image_is_an_input_of_its_own_kind_and_none_where_it_is_not_named() -> None:
    seen = response_tokens(given(InputDetails(text_tokens=10, audio_tokens=20, image_tokens=7)), did_work=True)
    rest = response_tokens(given(InputDetails(text_tokens=10, image_tokens=7), total=17), did_work=True)

    assert columns(seen, IN)[:3] == (10, 20, 7)
    assert columns(seen, "input") == (37,)
    assert columns(rest, IN)[:3] == (10, 0, 7)


def test_what_is_not_split_by_kind_keeps_its_sums_and_no_cached_part_of_any_kind() -> None:
    counts = response_tokens(given(InputDetails(image_tokens=7, cached_tokens=5), total=30), did_work=True)

    assert columns(counts, IN) == (None, None, None, None, None, None)
    assert columns(counts, "input cached reason estimated") == (30, 5, "no_details", False)


def test_a_sum_that_is_not_given_is_that_of_its_parts() -> None:
    spoken = Usage(
        input_token_details=InputDetails(text_tokens=10, audio_tokens=20),
        output_token_details=OutputDetails(text_tokens=1, audio_tokens=2),
    )

    assert columns(response_tokens(spoken, did_work=True), "input output reason") == (30, 3, None)
