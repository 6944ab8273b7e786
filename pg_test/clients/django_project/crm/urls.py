from django.urls import path

from crm import views

urlpatterns = [path("orders/", views.orders)]
