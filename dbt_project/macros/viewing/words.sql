{#-
    The words of a text in lower case, one a row, as an expression of a select list; some may be empty. Letters are told
    one by one, since what lower() and patterns take for letters goes by the server's language.
-#}
{% macro words(expression) -%}
    {%- set upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŞĞİŁŚŻŹĆŃĄĘАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ' -%}
    {%- set lower = 'abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïñòóôõöøùúûüýşğiłśżźćńąęабвгдеёжзийклмнопрстуфхцчшщъыьэюя' -%}
    {%- set marks = '.,:;!?|/~+*=%$&@#()[]{}<>"^_`´…•«»“”„‘’¡¿—–、。！？「」【】（）' -%}
    {{ return(adapter.dispatch('words')(
        "translate(" ~ expression ~ ", '" ~ upper ~ marks ~ "', '" ~ lower ~ " " * marks | length ~ "')"
    )) }}
{%- endmacro %}

{% macro default__words(text) -%}
    unnest(string_split({{ text }}, ' '))
{%- endmacro %}

{% macro postgres__words(text) -%}
    unnest(string_to_array({{ text }}, ' '))
{%- endmacro %}
