"""A page in the browser to try a system on: what it hears, drawn; everything that is said comes from `recognizer`.

`command` opens a model and serves it by Streamlit (`serving`); `service` is what all visitors share: one recogniser and
a queue. `page` is the script that Streamlit runs for each visitor, `asking` its inputs, `panels` what it shows, a file
for each panel; they draw with `drawing`, HTML without pictures of text, so that a phone can read it.
"""
