{#- A text in lower case, without accents: these go first, because a locale may not know how to lower them. -#}
{% macro unaccented(expression) -%}
    {%- set accented = 'ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöøùúûüýÿŠšŽžĆćČčŁłŃńŚśŻżĞğİıŞşĀāĂăĄąĎďĐđĒēĖėĘęĚěĪīŇňŌōŐőŘřȘșȚțŤťŪūŮůŰűŹź' -%}
    {%- set plain = 'AAAAAACEEEEIIIINOOOOOOUUUUYaaaaaaceeeeiiiinoooooouuuuyySsZzCcCcLlNnSsZzGgIiSsAaAaAaDdDdEeEeEeEeIiNnOoOoRrSsTtTtUuUuUuZz' -%}
    lower(translate({{ expression }}, '{{ accented }}', '{{ plain }}'))
{%- endmacro %}
