{# No two rows have the same values in these columns. #}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}, count() as n_records
from {{ model }}
group by {{ columns | join(', ') }}
having count() > 1
{% endtest %}
