from django.contrib import admin

from crm.models import Order

admin.site.register(Order)
