"""A page of Streamlit."""

import streamlit as st

st.title("Counter")
count = st.session_state.get("count", 0)
if st.button("Count"):
    st.session_state.count = count = count + 1
st.write(f"Counted {count} times")
uploaded = st.file_uploader("A file")
if uploaded:
    st.write(f"{uploaded.name} has {len(uploaded.getvalue())} bytes")
