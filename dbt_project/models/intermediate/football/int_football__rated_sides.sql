with

matches as (

    select * from {{ ref('int_football__rated_matches') }}

),

-- the score of a match is 2, 1 or 0: halves of a win
final as (

    {%- for side, other in [('home', 'away'), ('away', 'home')] %}

    select
        fixture_id,
        pool_id,
        season_id,
        {{ side }}_team_id as team_id,
        {{ other }}_team_id as opponent_team_id,
        {{ side }}_goals as goals_for,
        {{ other }}_goals as goals_against,
        1 + cast({{ side }}_goals > {{ other }}_goals as integer)
        - cast({{ side }}_goals < {{ other }}_goals as integer) as halves,
        {{ side == 'home' }} as is_home,
        played_on
    from matches
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from final
