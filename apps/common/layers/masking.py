"""What a softmax or a maximum takes for a masked place."""

MASKED = -1e9  # finite: a row that is masked whole gives no NaN
